"""Where a project lives: its page, its REST API, and what an address says of both."""

from __future__ import annotations

import re
from typing import NamedTuple

_OWNED = r"(?P<name>[^/:@\s]+/[^/:@\s]+?)(?:\.git)?/?"
_WEB = re.compile(rf"(?P<scheme>https?)://(?:[^/@]*@)?(?P<host>[^/@\s]+)/{_OWNED}")
# "git@github.com:owner/name.git" and "ssh://git@github.com:22/owner/name" (git-fetch(1),
# "GIT URLS").
_SSH = re.compile(rf"(?:ssh://)?(?:[\w.-]+@)(?P<host>[\w.-]+)(?::\d+/|[:/]){_OWNED}")
_PULL = re.compile(
    r"(?P<project>https?://.+)/pull/(?P<number>[1-9][0-9]{0,8})(?:\.diff|\.patch)?(?:[/?#].*)?"
)
_NUMBER = re.compile(r"#?([1-9][0-9]{0,8})")
_TRAILER = re.compile(r"^Upstream-PR: \S+/pull/([1-9][0-9]{0,8})/?\s*$", re.MULTILINE)
_GITHUB = "github.com"


class Project(NamedTuple):
    """A project on a GitHub server."""

    page: str
    """Address of its page, for links."""
    api: str
    """Address of its repository in the REST API."""

    @property
    def on_github(self) -> bool:
        """Whether it is on github.com, and no server of somebody's own."""
        return self.page.startswith(f"https://{_GITHUB}/")


def project_at(url: str) -> Project | None:
    """Return the project that a git remote's address names, None where it is only a place.

    A server of one's own (GitHub Enterprise Server) has the API below ``/api/v3``.
    """
    found = _WEB.fullmatch(url) or _SSH.fullmatch(url)
    if found is None:
        return None
    host, name = found["host"].lower(), found["name"]
    scheme = found.groupdict().get("scheme") or "https"
    if host in (_GITHUB, f"www.{_GITHUB}"):
        return Project(f"https://{_GITHUB}/{name}", f"https://api.{_GITHUB}/repos/{name}")
    return Project(f"{scheme}://{host}/{name}", f"{scheme}://{host}/api/v3/repos/{name}")


class Named(NamedTuple):
    """A pull request as a user names it."""

    number: int
    project: str
    """Address of the project's page; empty where only the number was said."""


def pull_named(text: str) -> Named | None:
    """Read ``33303``, ``#33303``, or the address of a pull request, of its diff or a tab."""
    if found := _NUMBER.fullmatch(text):
        return Named(int(found[1]), "")
    if found := _PULL.fullmatch(text):
        return Named(int(found["number"]), found["project"])
    return None


def pull_in(message: str) -> int | None:
    """Return the pull request that the trailer of a commit message names."""
    found = _TRAILER.findall(message)
    return int(found[-1]) if found else None
