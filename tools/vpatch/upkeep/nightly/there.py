"""The nights of a project as a git remote has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.doors.git import GitError, Repo, SilentError
from vpatch.jobs.bases.remote import no_answer, shown
from vpatch.values.errors import VpatchError
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from vpatch.upkeep.nightly.names import Names

# The user's settings may ask for more, with what is not for others, or a key that asks him.
_ALONE = ("--progress", "--recurse-submodules=no")
_AGAIN = (
    "the next night tries again; until then, only this machine knows what was told; "
    "-v shows git's own words"
)


class There:
    """The nights of a project as a git remote has them.

    Where no disk is kept, nobody else knows what was told.

    Args:
        git_dir: The folder of the user's repository.
        root: The project's folder.
        names: What the nights are kept under.
        say: Told of what is done.
    """

    def __init__(
        self, git_dir: Path, root: Path, names: Names, say: Callable[[str], None]
    ) -> None:
        self._users = Repo(git_dir, private=False)
        self._root = root
        self._names = names
        self._say = say
        self._remote = ""
        self._tips: dict[str, str] = {}
        self._silent: VpatchError | None = None

    @property
    def tip(self) -> str:
        """The branch's commit; empty where there is none."""
        return self._tips.get(self._names.ref, "")

    @property
    def memory(self) -> str:
        """The last commit whose news were told; empty where there is none."""
        return self._tips.get(self._names.memory, "")

    @property
    def way_out(self) -> str:
        """What to do about work of somebody's on the branch there."""
        remote, branch = shown(self._remote), self._names.branch
        return (
            f"it is on {remote}: merge it, or move it away there: "
            f"git push {remote} {self.tip[:12]}:refs/heads/NAME :{branch}"
        )

    def ask(self, remote: str, here: Collection[str]) -> None:
        """Bring what the remote has.

        Args:
            remote: Its name or address.
            here: The commits that are here; without any, nobody knows what was told before.

        Raises:
            VpatchError: It gave no answer, and nothing is here.
        """
        self._remote = remote
        self._say(f"asking {shown(remote)} for {self._names.branch}")
        try:
            self._bring(here)
        except GitError as error:
            self._silent = no_answer("the remote", remote, error)
            if not here:
                raise self._silent from error

    def _bring(self, here: Collection[str]) -> None:
        wanted = (self._names.ref, self._names.memory)
        told = decode(self._reach("ls-remote", "--", self._remote, *wanted)).splitlines()
        # git takes a name for the end of others, too.
        pairs = (line.split("\t", 1) for line in told)
        tips = {ref: oid for oid, ref in pairs if ref in wanted}
        if set(tips.values()).difference(here):
            self._reach("fetch", *_ALONE, "--no-tags", "--", self._remote, *tips)
        self._tips = tips

    def _reach(self, *command: str) -> bytes:
        """Have git ask as the user would in his folder: by his settings, and his keys."""
        return self._users.reach(*command, place=self._root)

    def push(self, tip: str, *, told: bool) -> bool:
        """Push the branch, if the remote has it as it was when the night began.

        Args:
            tip: The commit; empty for none.
            told: Whether its news were told: then the remote is to remember it as well.

        Returns:
            Whether there was need.

        Raises:
            VpatchError: The remote did not take it.
        """
        if not self._remote or tip in ("", self.tip):
            return False
        if self._silent:
            raise self._silent
        self._say(f"pushing {self._names.branch} to {shown(self._remote)}")
        try:
            self._send(tip, told=told)
        except GitError as error:
            moved = "stale info" in error.detail
            silent = f": {error.what}" if isinstance(error, SilentError) else ""
            what = f"{self._names.branch} moved there meanwhile"
            raise VpatchError(
                what if moved else f"the push failed{silent}",
                where=shown(self._remote),
                hint=self.way_out if moved else _AGAIN,
                detail=shown(error.detail),
            ) from error
        return True

    def _send(self, tip: str, *, told: bool) -> None:
        ref, memory = self._names.ref, self._names.memory
        try:
            self._put(tip, *((ref, memory) if told else (ref,)))
        except SilentError:
            raise
        except GitError:
            if not told:
                raise
            # Some servers take nothing but branches and tags.
            self._put(tip, ref)
            where = shown(self._remote)
            self._say(f"{where} took no {memory}: there the branch alone keeps what was told")

    def _put(self, tip: str, *refs: str) -> None:
        options = [*_ALONE, "--no-follow-tags", "--no-signed"]
        options += [f"--force-with-lease={ref}:{self._tips.get(ref, '')}" for ref in refs]
        self._reach("push", *options, "--", self._remote, *(f"{tip}:{ref}" for ref in refs))
        self._tips |= dict.fromkeys(refs, tip)
