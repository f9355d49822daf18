"""What GitHub says of a pull request."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vpatch.doors.github.api import PAGE
from vpatch.values.pull import PullState, Remark
from vpatch.values.ref import is_branch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpatch.doors.github.api import Api

_COMMIT = re.compile("[0-9a-f]{40}")


class GitHub:
    """What GitHub says of a project's pull requests.

    Args:
        api: The way to ask.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def host(self) -> str:
        """The server's name, for people."""
        return self._api.host

    def pull(self, number: int) -> PullState:
        """Return the state of a pull request.

        Raises:
            BadInputError: There is none of that number, or it is not to be seen.
            DownError: GitHub answers no question now.
            VpatchError: No answer, or none that can be read.
        """
        (found,) = self._api.ask(f"/pulls/{number}", f"#{number}")
        try:
            return _state(found)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._api.no_github() from error

    def thread(self, number: int) -> list[Remark]:
        """Return what was said in a pull request's thread, and in those that refer to it.

        Raises:
            BadInputError: There is none of that number.
            DownError: GitHub answers no question now.
            VpatchError: No answer, or none that can be read.
        """
        found: list[Remark] = []
        question = f"/issues/{number}/timeline?per_page={PAGE}"
        for events in self._api.ask(question, f"#{number}"):
            try:
                found += self._remarks(events)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._api.no_github() from error
        return found

    def _remarks(self, events: list[dict[str, Any]]) -> Iterator[Remark]:
        for event in events:
            kind = event.get("event")
            if kind == "commented":
                yield Remark(None, "", event.get("body") or "")
            elif kind == "cross-referenced":
                issue = event["source"].get("issue") or {}
                request = issue.get("pull_request")
                # Forks of the project refer to it as well, with numbers of their own.
                if request and self._is_ours(issue):
                    merged = bool(request.get("merged_at"))
                    text = issue.get("body") or ""
                    yield Remark(int(issue["number"]), str(issue["title"]), text, merged)

    def _is_ours(self, issue: dict[str, Any]) -> bool:
        name = (issue.get("repository") or {}).get("full_name", "")
        return self._api.address.lower().endswith(f"/{name.lower()}")


def _state(found: dict[str, Any]) -> PullState:
    """Read the answer on one pull request."""
    merged = bool(found["merged_at"])
    head, target = str(found["head"]["sha"]), str(found["base"]["ref"])
    if not _COMMIT.fullmatch(head) or found["state"] not in ("open", "closed"):
        raise ValueError(head)
    if not is_branch(target):
        # It goes to terminals and to git, and no server has a branch of that name.
        raise ValueError(target)
    return PullState(
        number=int(found["number"]),
        title=str(found["title"]),
        state="merged" if merged else str(found["state"]),
        head=head,
        target=target,
        author=str((found["user"] or {}).get("login") or ""),
        opened=datetime.fromisoformat(found["created_at"]),
        merged_as=str(found["merge_commit_sha"] or "") if merged else "",
    )
