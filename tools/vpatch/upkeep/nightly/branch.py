"""The branch ``vpatch/nightly`` of the project's own repository."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.doors.git import GitError, NewCommit, Repo, SilentError
from vpatch.jobs.bases.remote import no_answer, shown
from vpatch.upkeep.nightly.home import RECORD, STATE, is_written, written
from vpatch.values.errors import RefusedError, VpatchError
from vpatch.values.paths import decode, encode
from vpatch.values.tree import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

BRANCH = "vpatch/nightly"
_REF = f"refs/heads/{BRANCH}"
_NOBODY = "vpatch@localhost"
_ABSENT = "0" * 40
# The user's settings may ask for more, with what is not for others, or a key that asks him.
_ALONE = ("--progress", "--recurse-submodules=no")
# What a forge obeys in a commit's message, where strangers are quoted and numbers upstream's.
_SIGNS = (
    (re.compile(r"(?<=\w)#(?=\d)"), " PR "),
    (re.compile(r"#(?=\d)"), "PR "),
    (re.compile(r"\bGH-(?=\d)", re.IGNORECASE), "PR "),
    (re.compile(r"\bhttps?://", re.IGNORECASE), ""),
    (re.compile(r"@(?=\w)"), "@ "),
    (re.compile(r"\[(?=[^\]]*\b(?:ci|skip)\b)", re.IGNORECASE), "[ "),
)
_MOVE = f"merge it, or move it away: git branch -m {BRANCH} NAME"


class Branch:
    """The branch ``vpatch/nightly``: one commit on what is checked out.

    Neither the user's files nor his index are touched. Every night makes the commit anew, so
    that it holds no more than what is not merged yet.

    Args:
        root: The project's folder.
        git_dir: The folder of the repository that it is in.
        prefix: Where in the repository it lies, with a slash at its end; empty for all of it.
        say: Told what a night does not take.
    """

    def __init__(
        self, root: Path, git_dir: Path, prefix: str, say: Callable[[str], None]
    ) -> None:
        self._root = root
        self._prefix = prefix
        self._say = say
        self._repo = Repo(git_dir)
        self._users = Repo(git_dir, private=False)
        self._head = self._repo.resolve("HEAD^{commit}") or ""
        self._old = self._repo.tip(_REF)
        self._remote = ""
        self._theirs = ""
        self._kept = self._told = ""
        self._silent: VpatchError | None = None
        self._files = dict(self._committed()) if self._head else {}

    @property
    def has_patches(self) -> bool:
        """Whether there is a series in the last commit."""
        return any(path.endswith("/series") for path in self._files)

    def begin(self, remote: str) -> None:
        """See that nothing of anybody's can be lost, and what the last night left."""
        self._refuse_without_room()
        form = "--format=%(worktreepath)"
        if place := decode(self._repo.run("for-each-ref", form, _REF).out).strip():
            hint = "git switch to your own branch there"
            raise RefusedError(f"{BRANCH} is checked out", where=place, hint=hint)
        if remote:
            self._remote = remote
            try:
                self._ask(remote)
            except VpatchError as error:
                # Without a branch here, nobody knows what was told before.
                if self._old is None:
                    raise
                self._silent = error
        for tip in filter(None, (self._old, self._theirs)):
            self._refuse_foreign(tip)
        self._old = self._old or self._taken()
        command = ["status", "--porcelain", "--", "patches", "vpatch.toml"]
        if self._users.run(*command, cwd=self._root, discover=True).out:
            self._say("patches/ has changes that are not committed: the night leaves them out")

    def _refuse_without_room(self) -> None:
        """See that no branch's name leaves the night's no room: git keeps one as a folder."""
        above, below = BRANCH.partition("/")[0], f"{BRANCH}/"
        form = "--format=%(refname:lstrip=2)"
        refs = self._repo.run("for-each-ref", form, f"refs/heads/{above}").out
        for name in decode(refs).splitlines():
            if name == above or name.startswith(below):
                hint = f"rename it: git branch -m {name} NAME"
                raise RefusedError(f"a branch is in the way of {BRANCH}", where=name, hint=hint)

    def _there(self, *command: str) -> bytes:
        """Have git ask as the user would in his folder: by his settings, and his keys."""
        return self._users.reach(*command, place=self._root)

    def _ask(self, remote: str) -> None:
        """Bring the branch as the remote has it: where no disk is kept, it is the only one."""
        self._say(f"asking {shown(remote)} for {BRANCH}")
        try:
            told = decode(self._there("ls-remote", "--", remote, _REF)).split()
            self._theirs = told[0] if told else ""
            if self._theirs and self._theirs != self._old:
                self._there("fetch", *_ALONE, "--no-tags", "--", remote, _REF)
        except GitError as error:
            raise no_answer("the remote", remote, error) from error

    def _taken(self) -> str | None:
        """Begin with the remote's branch where there is none here."""
        if self._theirs:
            self._repo.run("update-ref", _REF, self._theirs, _ABSENT)
        return self._theirs or None

    def _refuse_foreign(self, tip: str) -> None:
        merged = self._repo.run("merge-base", "--is-ancestor", tip, self._head, ok=(0, 1, 128))
        told = decode(self._repo.run("log", "-1", "--format=%ce%n%h %s", tip).out).split("\n")
        if merged.status and told[0] != _NOBODY:
            raise RefusedError(
                f"somebody committed to {BRANCH}, and a night would undo it",
                where=told[1],
                hint=_MOVE,
            )

    def _committed(self) -> Iterator[tuple[str, Entry]]:
        """Yield the files of the project's; links and submodules are none of a night's."""
        for path, entry in self._repo.entries(self._head).items():
            own = path.removeprefix(self._prefix)
            is_own = own.startswith("patches/") or own in ("PATCHES.md", "vpatch.toml")
            if path.startswith(self._prefix) and is_own and entry.mode.startswith("100"):
                yield path, entry

    def states(self) -> list[bytes]:
        """Return what the last night saw: by the branch here or there, or by what is merged."""
        tips = dict.fromkeys(filter(None, (self._old, self._theirs, self._head)))
        return [raw for raw in map(self._state, tips) if raw is not None]

    def records(self) -> list[bytes]:
        """Return what proofs showed to the last night, by the branch here and there."""
        tips = dict.fromkeys(filter(None, (self._old, self._theirs)))
        return [raw for tip in tips if (raw := self._read(tip, RECORD)) is not None]

    def merged(self) -> bytes | None:
        """Return what the night saw that was merged last."""
        return self._state(self._head)

    def _state(self, tip: str) -> bytes | None:
        return self._read(tip, STATE)

    def _read(self, tip: str, name: str) -> bytes | None:
        path = self._prefix + name
        entry = self._repo.entries(tip, [path]).get(path)
        return self._repo.blobs([entry.oid])[0] if entry else None

    def lay(self, folder: Path) -> Path:
        """Write the files of the last commit, byte for byte."""
        oids = [entry.oid for entry in self._files.values()]
        for path, raw in zip(self._files, self._repo.blobs(oids), strict=True):
            files.write(folder / path, raw)
        return folder / self._prefix

    def keep(self, root: Path, state: bytes, told: bytes, message: Sequence[str]) -> str:
        """Commit, where the branch is other than it was."""
        there = {self._prefix + path: (root / path).absolute() for path in written(root)}
        oids = self._repo.hash_paths(there)
        change: dict[str, Entry | None] = {
            path: Entry(
                self._files[path].mode if path in self._files else "100644",
                self._repo.write_blob(files.read(there[path])),
            )
            for path, oid in oids.items()
            if path not in self._files or self._files[path].oid != oid
        }
        change |= dict.fromkeys(self._gone(oids))
        self._kept = self._made(change, state, message)
        self._told = self._made(change, told, message)
        if not self._told:
            return ""
        try:
            self._repo.run("update-ref", _REF, self._kept, self._old or _ABSENT)
        except GitError as error:
            if self._repo.tip(_REF) == self._old:
                raise
            hint = "run again: the night is not kept, and has told nothing yet"
            raise RefusedError(
                f"{BRANCH} moved meanwhile", where=str(self._root), hint=hint
            ) from error
        return self._told

    def _made(
        self, change: Mapping[str, Entry | None], state: bytes, message: Sequence[str]
    ) -> str:
        """Make a commit, and return it, or one that is there already; empty for none needed."""
        kept = {self._prefix + STATE: Entry("100644", self._repo.write_blob(state))}
        who, when = f"vpatch <{_NOBODY}>", f"{int(time.time())} +0000"
        made = NewCommit(who, when, _message(message), {**change, **kept})
        (commit,) = self._repo.commit_each(self._head, [made])
        tree = f"{commit}^{{tree}}"
        if self._same(tree, f"{self._head}^{{tree}}"):
            return ""
        for tip in filter(None, (self._theirs, self._old)):
            if self._same(f"{tip}^", self._head) and self._same(tree, f"{tip}^{{tree}}"):
                return tip
        return commit

    def told(self) -> None:
        """Put the commit that says so in the place of the one that does not."""
        if self._told:
            # If somebody moved it meanwhile, the next night says so, and tells all again.
            with suppress(GitError):
                self._repo.run("update-ref", _REF, self._told, self._kept)

    def _same(self, one: str, other: str) -> bool:
        return self._repo.resolve(one) == self._repo.resolve(other)

    def _gone(self, there: Mapping[str, str]) -> Iterator[str]:
        for path in self._files:
            if is_written(path.removeprefix(self._prefix)) and path not in there:
                yield path

    def push(self) -> bool:
        """Push the branch, if the remote has it as it was when the night began."""
        tip = self._told or self._repo.tip(_REF)
        if not self._remote or tip in (None, self._theirs):
            return False
        if self._silent:
            raise self._silent
        lease = f"--force-with-lease={_REF}:{self._theirs}"
        self._say(f"pushing {BRANCH} to {shown(self._remote)}")
        try:
            options = (*_ALONE, "--no-follow-tags", "--no-signed", lease)
            self._there("push", *options, "--", self._remote, f"{tip}:{_REF}")
        except GitError as error:
            moved = "stale info" in error.detail
            silent = f": {error.what}" if isinstance(error, SilentError) else ""
            hint = "the next night tries again; -v shows git's own words"
            raise VpatchError(
                f"{BRANCH} moved there meanwhile" if moved else f"the push failed{silent}",
                where=shown(self._remote),
                hint=_MOVE if moved else hint,
                detail=shown(error.detail),
            ) from error
        return True


def _message(news: Sequence[str]) -> bytes:
    lines = [f"* {_inert(line)}" for line in news] or ["Nothing is new."]
    return encode("\n".join(["Bring the patches up to date", "", *lines, ""]))


def _inert(text: str) -> str:
    """Return text by which no forge closes an issue, calls somebody, or skips its checks."""
    for sign, instead in _SIGNS:
        text = sign.sub(instead, text)
    return text
