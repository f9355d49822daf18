"""The branch that the nights make, in the project's own repository."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.doors.git import GitError, NewCommit, Repo
from vpatch.upkeep.nightly.home import FACTS, RECORD, STATE, is_written, written
from vpatch.upkeep.nightly.names import Names
from vpatch.upkeep.nightly.seen import Seen
from vpatch.upkeep.nightly.there import There
from vpatch.values.errors import RefusedError
from vpatch.values.paths import decode, encode
from vpatch.values.tree import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_NOBODY = "vpatch@localhost"
_ABSENT = "0" * 40
# What a forge obeys in a commit's message, where strangers are quoted and numbers upstream's.
_SIGNS = (
    (re.compile(r"(?<=\w)#(?=\d)"), " PR "),
    (re.compile(r"#(?=\d)"), "PR "),
    (re.compile(r"\bGH-(?=\d)", re.IGNORECASE), "PR "),
    (re.compile(r"\bhttps?://", re.IGNORECASE), ""),
    (re.compile(r"@(?=\w)"), "@ "),
    (re.compile(r"\[(?=[^\]]*\b(?:ci|skip)\b)", re.IGNORECASE), "[ "),
)


class Branch:
    """The branch ``vpatch/nightly``: one commit on what is checked out.

    Neither the user's files nor his index are touched. Every night makes the commit anew, so
    that it holds no more than what is not merged yet. The last one whose news were told has a
    name of its own, so that they are not told again when the branch is gone.

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
        self._names = Names.of(prefix)
        self._repo = Repo(git_dir)
        self._users = Repo(git_dir, private=False)
        self._there = There(git_dir, root, self._names, say)
        self._head = self._repo.resolve("HEAD^{commit}") or ""
        self._old = self._repo.tip(self._names.ref)
        self._memory = self._repo.tip(self._names.memory)
        self._kept = self._told = ""
        self._is_told = False
        self._files = dict(self._committed(self._head)) if self._head else {}

    @property
    def name(self) -> str:
        """The branch."""
        return self._names.branch

    @property
    def forget(self) -> str:
        """How to have the next night begin anew."""
        names = f"-d {self._names.ref}", f"-d {self._names.memory}"
        commands = " and ".join(f"git update-ref {name}" for name in names)
        return f"delete {STATE}, commit that, {commands}"

    @property
    def has_patches(self) -> bool:
        """Whether there is a series in the last commit."""
        return any(path.endswith("/series") for path in self._files)

    def begin(self, remote: str) -> None:
        """See that nothing of anybody's can be lost, and what the last night left."""
        self._refuse_other_ids()
        self._refuse_without_room()
        form = "--format=%(worktreepath)"
        if place := decode(self._repo.run("for-each-ref", form, self._names.ref).out).strip():
            hint = "git switch to your own branch there"
            raise RefusedError(f"{self.name} is checked out", where=place, hint=hint)
        if remote:
            self._there.ask(remote, self._tips())
        self._refuse_foreign(self._old, self._names.way_out)
        self._refuse_foreign(self._there.tip, self._there.way_out)
        command = ["status", "--porcelain", "--", "patches", "vpatch.toml"]
        if self._users.run(*command, cwd=self._root, discover=True).out:
            self._say("patches/ has changes that are not committed: the night leaves them out")

    def _refuse_other_ids(self) -> None:
        """See that ids are as long as those of upstream, which vpatch works with."""
        kind = decode(self._repo.run("rev-parse", "--show-object-format").out).strip()
        if kind != "sha1":
            hint = "keep the project in one of git's usual kind: git init --object-format=sha1"
            what = f"the repository names what it holds by {kind}, which vpatch cannot write"
            raise RefusedError(what, where=str(self._root), hint=hint)

    def _refuse_without_room(self) -> None:
        """See that no branch's name leaves the night's no room: git keeps one as a folder."""
        above, below = self.name.partition("/")[0], f"{self.name}/"
        form = "--format=%(refname:lstrip=2)"
        refs = self._repo.run("for-each-ref", form, f"refs/heads/{above}").out
        for name in decode(refs).splitlines():
            if name == above or name.startswith(below):
                hint = f"rename it: git branch -m {name} NAME"
                what = f"a branch is in the way of {self.name}"
                raise RefusedError(what, where=name, hint=hint)

    def _refuse_foreign(self, tip: str | None, way_out: str) -> None:
        if not tip:
            return
        merged = self._repo.run("merge-base", "--is-ancestor", tip, self._head, ok=(0, 1, 128))
        told = decode(self._repo.run("log", "-1", "--format=%ce%n%h %s", tip).out).split("\n")
        if merged.status and told[0] != _NOBODY:
            raise RefusedError(
                f"somebody committed to {self.name}, and a night would undo it",
                where=told[1],
                hint=way_out,
            )

    def _committed(self, tip: str) -> Iterator[tuple[str, Entry]]:
        """Yield the files of the project's; links and submodules are none of a night's."""
        for path, entry in self._repo.entries(tip).items():
            own = path.removeprefix(self._prefix)
            is_own = own.startswith("patches/") or own in ("PATCHES.md", "vpatch.toml")
            if path.startswith(self._prefix) and is_own and entry.mode.startswith("100"):
                yield path, entry

    def _tips(self, *more: str) -> list[str]:
        """Return the commits in which nights were kept, here and there."""
        found = (self._there.tip, self._old, self._there.memory, self._memory, *more)
        return list(dict.fromkeys(tip for tip in found if tip))

    def states(self) -> list[bytes]:
        """Return what the last night saw, by the branch, its memory, and what is merged."""
        tips = self._tips(self._head)
        return [raw for tip in tips if (raw := self._read(tip, STATE)) is not None]

    def records(self) -> list[bytes]:
        """Return what proofs showed to the last night, by the branch and its memory."""
        return [raw for tip in self._tips() if (raw := self._read(tip, RECORD)) is not None]

    def learned(self) -> tuple[bytes, bytes] | None:
        """Return the facts that the last night found and left, unless it is merged."""

        def seen(tip: str) -> str:
            return Seen.read(self._read(tip, STATE), self.forget).since

        tip = max((self._head, *self._tips()), key=seen)
        before = self._repo.resolve(f"{tip}^")
        if tip == self._head or not before:
            return None
        found, left = (self._read(commit, FACTS) for commit in (before, tip))
        return (found, left) if found and left else None

    def merged(self) -> bytes | None:
        """Return what the night saw that was merged last."""
        return self._read(self._head, STATE)

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
        self._told = self._made(change, told, message)
        # Where there is nothing to tell, one commit is both.
        self._kept = self._told if state == told else self._made(change, state, message)
        self._is_told = state == told
        if self._kept:
            self._move(self._kept)
        elif not self._told and self._old and self._is_merged(self._old):
            with suppress(GitError):
                self._repo.run("update-ref", "-d", self._names.ref, self._old)
        return self._told

    def _move(self, tip: str) -> None:
        """Point the branch at a commit, if nobody moved it since the night began."""
        try:
            self._repo.run("update-ref", self._names.ref, tip, self._old or _ABSENT)
        except GitError as error:
            if self._repo.tip(self._names.ref) == self._old:
                raise
            hint = "run again: the night is not kept, and has told nothing yet"
            what = f"{self.name} moved meanwhile"
            raise RefusedError(what, where=str(self._root), hint=hint) from error

    def _is_merged(self, tip: str) -> bool:
        """Whether what is checked out has a commit, or all that it brings the project."""
        merged = self._repo.run("merge-base", "--is-ancestor", tip, self._head, ok=(0, 1))
        return not merged.status or dict(self._committed(tip)) == self._files

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
        for tip in self._tips():
            if self._same(f"{tip}^", self._head) and self._same(tree, f"{tip}^{{tree}}"):
                return tip
        return commit

    def told(self) -> None:
        """Put the commit that says so in the place of the one that does not."""
        if self._told:
            self._repo.set_ref(self._names.memory, self._told)
            self._is_told = True
            # If somebody moved it meanwhile, the memory knows what was told.
            with suppress(GitError):
                was = self._kept or self._old or _ABSENT
                self._repo.run("update-ref", self._names.ref, self._told, was)

    def _same(self, one: str, other: str) -> bool:
        return self._repo.resolve(one) == self._repo.resolve(other)

    def _gone(self, there: Mapping[str, str]) -> Iterator[str]:
        for path in self._files:
            if is_written(path.removeprefix(self._prefix)) and path not in there:
                yield path

    def push(self) -> bool:
        """Push what this night keeps, if the remote has it as it was when the night began."""
        tip = self._told if self._is_told else self._kept
        return self._there.push(tip, told=self._is_told)


def _message(news: Sequence[str]) -> bytes:
    lines = [f"* {_inert(line)}" for line in news] or ["Nothing is new."]
    return encode("\n".join(["Bring the patches up to date", "", *lines, ""]))


def _inert(text: str) -> str:
    """Return text by which no forge closes an issue, calls somebody, or skips its checks."""
    for sign, instead in _SIGNS:
        text = sign.sub(instead, text)
    return text
