"""Who can be asked of upstream's pull requests: its git remote, and GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.upkeep.replays import opened
from vpatch.values.errors import BadInputError, RefusedError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from vpatch.doors.github import GitHub
    from vpatch.jobs.bases import Bases
    from vpatch.jobs.bases.pulls import Pulls
    from vpatch.upkeep.replays import Replays
    from vpatch.values.facts import PullRequest
    from vpatch.values.pull import Pull, PullState


@dataclass(frozen=True, slots=True)
class Upstream:
    """Upstream, as far as it can be asked."""

    project: str
    """Address of the project's page."""
    pulls: Pulls | None
    """Its git remote, None where none is named."""
    github: GitHub | None
    """Its REST API, None where nothing tells where that is."""
    say: Callable[[str], None]
    """Told of what is asked, and of what gave no answer."""

    def replays(
        self, bases: Bases, facts: Mapping[int, PullRequest]
    ) -> AbstractContextManager[Replays]:
        """Open a place for replays in which the objects of pull requests are."""
        borrowed = [self.pulls.repo.objects] if self.pulls else []
        return opened(bases, facts, self.say, *borrowed)

    def page(self, number: int) -> str:
        """Return the address of a pull request."""
        return f"{self.project}/pull/{number}"

    def remote(self) -> Pulls:
        """Return the git remote.

        Raises:
            BadInputError: None is named.
        """
        if self.pulls is None:
            raise BadInputError(
                "no git remote to take a pull request from",
                hint=f"--upstream {self.project}, or [upstream] url in vpatch.toml; or add its "
                "diff: vpatch add FILE",
            )
        return self.pulls

    def pull(self, number: int, target: str) -> Pull:
        """Fetch a pull request, with the files that it changes.

        Args:
            number: The pull request.
            target: The branch that it is for, empty where nobody told.

        Raises:
            BadInputError: There is none of that number, or no remote to ask.
            VpatchError: The remote gave no answer.
        """
        pulls = self.remote()
        self.say(f"asking {pulls.shown} for #{number}")
        found = pulls.fetch_pull(number, target)
        if found is None:
            hint = "look at the number, and at --upstream"
            where = f"#{number} of {pulls.shown}"
            raise BadInputError("no such pull request", where=where, hint=hint)
        pulls.bring(found)
        return found

    def pull_at(self, found: Pull, head: str) -> Pull:
        """Return a pull request as it was at another head, with the files that it changed.

        Raises:
            RefusedError: The remote keeps that no longer.
        """
        pulls = self.remote()
        old = pulls.reviewed(found.number, head, found.branch)
        if old is None:
            raise RefusedError(
                f"the reviewed head of #{found.number} is lost",
                where=f"{head[:12]} of {pulls.shown}",
                hint="look at what is there now: vpatch drop it, then vpatch add it again",
            )
        pulls.bring(old)
        return old

    def state(self, number: int) -> PullState | None:
        """Ask for the state of a pull request; None where there is no answer, which is told."""
        if self.github is None:
            self.say("no GitHub API to ask: title and state are what git knows")
            return None
        self.say(f"asking {self.github.host} about #{number}")
        try:
            return self.github.pull(number)
        except VpatchError as error:
            hint = f" ({error.hint})" if error.hint else ""
            self.say(f"{error}{hint}; title and state are what git knows")
            return None

    def has(self, commit: str) -> bool:
        """Whether a commit is upstream's, by its git remote or by what was fetched of that."""
        if self.pulls is None:
            return False
        self.say(f"asking {self.pulls.shown} for {commit[:12]}")
        try:
            self.pulls.update()
        except VpatchError as error:
            self.say(str(error))
        return self.pulls.has(commit)


def target_of(state: PullState | None, known: PullRequest | None) -> str:
    """Return the branch that a pull request is for, empty where neither tells."""
    said = state or known
    return said.target if said else ""
