"""A git repository: what it holds, and new objects in it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.doors.git.command import Command, GitError
from vpatch.doors.git.stage import Stage, index_info, temporary_folder
from vpatch.doors.git.stream import NewCommit, commit_stream
from vpatch.values.paths import decode, encode
from vpatch.values.tree import Entries, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from git.cmd import Git


class Repo(Command):
    """A git repository, reached by commands."""

    @cached_property
    def objects(self) -> Path:
        """The folder of its objects."""
        if self.work_tree is None:
            return self.git_dir / "objects"
        named = decode(self.run("rev-parse", "--git-path", "objects").out).strip()
        return (self.work_tree or self.git_dir) / named

    @contextmanager
    def scratch(self, *borrowed: Path) -> Iterator[Repo]:
        """Open this repository so that what is written is gone at the end.

        Objects go to a folder in memory where the system has one: a replay makes hundreds,
        and `send` takes along those that are to stay.

        Args:
            borrowed: Object folders of other repositories to read from as well.
        """
        with temporary_folder() as folder:
            yield Repo(
                self.git_dir,
                borrowed=(self.objects, *borrowed),
                written=folder,
                private=self._private,
            )

    def reading_from(self, other: Repo) -> Repo:
        """Return this repository, reading the objects of another one as well."""
        lent = [*other._borrowed, other._written or other.objects]
        return Repo(
            self.git_dir, work_tree=self.work_tree, borrowed=lent, private=self._private
        )

    def discovered(self, folder: Path) -> Path:
        """Return the git folder of a work tree, as git itself finds it.

        Raises:
            GitError: It is no work tree, or git distrusts its owner.
        """
        bare = Repo(folder, private=self._private)
        ran = bare.run("rev-parse", "--absolute-git-dir", cwd=folder, discover=True)
        return Path(decode(ran.out).rstrip("\n"))

    # Names and trees

    def resolve(self, revision: str) -> str | None:
        """Return the full id of a revision, or None where there is none."""
        ran = self.run("rev-parse", "--verify", "-q", revision, ok=(0, 1, 128))
        return decode(ran.out).strip() if ran.status == 0 else None

    def tip(self, ref: str) -> str | None:
        """Return the commit of a ref by its full name, or None where there is none.

        ``rev-parse`` would read a name that ends in ``-5-g89a77b1`` as that commit.
        """
        ran = self.run("show-ref", "--verify", "-s", ref, ok=(0, 1, 128))
        return decode(ran.out).strip() or None

    def refs(self, *prefixes: str) -> dict[str, tuple[str, str]]:
        """Return commit and subject of every ref below the prefixes."""
        form = "--format=%(refname)%00%(objectname)%00%(contents:subject)"
        found: dict[str, tuple[str, str]] = {}
        for line in decode(self.run("for-each-ref", form, *prefixes).out).split("\n")[:-1]:
            name, commit, subject = line.split("\0")
            found[name] = (commit, subject)
        return found

    def set_ref(self, name: str, commit: str) -> None:
        """Point a ref at a commit."""
        self.run("update-ref", name, commit)

    def entries(self, tree: str, paths: Iterable[str] | None = None) -> Entries:
        """List a tree.

        Args:
            tree: Any revision that has a tree.
            paths: The paths to look up, folders as folders; None for every file.
        """
        command = ["ls-tree", "-z", "--full-tree"]
        if paths is None:
            return _listed(self.run(*command, "-r", tree).out)
        found: Entries = {}
        wanted = sorted(set(paths))
        for at in range(0, len(wanted), 500):  # an argument list has an end
            part = wanted[at : at + 500]
            found |= _listed(self.run(*command, tree, "--", *part).out)
        return found

    def blobs(self, oids: Sequence[str]) -> list[bytes]:
        """Return the contents of blobs, by git-cat-file(1) ``--batch``."""
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        out = self.run("cat-file", "--batch", "--buffer", stdin=asked).out
        found: list[bytes] = []
        at = 0
        for oid in oids:
            end = out.index(b"\n", at)
            words = out[at:end].split()
            if len(words) != 3:  # noqa: PLR2004, "<id> <kind> <size>"
                raise GitError(f"the object {oid} is missing", where=str(self.git_dir))
            size = int(words[2])
            found.append(out[end + 1 : end + 1 + size])
            at = end + size + 2
        return found

    def changed(self, old: str, new: str, *, renames: bool = False) -> dict[str, str]:
        """Return the status letter of each path that differs between two trees.

        With `renames`, a renamed path is listed by its old name, and the value is the new.
        """
        command = ["diff-tree", "-r", "-z", "--name-status", "--no-color"]
        command += ["-M", "--diff-filter=R"] if renames else ["--no-renames"]
        fields = decode(self.run(*command, old, new).out).split("\0")[:-1]
        if renames:
            return dict(zip(fields[1::3], fields[2::3], strict=True))
        return dict(zip(fields[1::2], fields[0::2], strict=True))

    def grep(self, tree: str, lines: Iterable[str], among: str) -> list[str]:
        """Return the files of a tree that hold all of these texts, each in one line.

        Args:
            tree: Any revision that has a tree.
            lines: The texts.
            among: A pattern of paths, to look no farther than needed.
        """
        asked = [part for line in lines for part in ("-e", line)]
        command = ["grep", "-l", "-z", "-I", "-F", "--all-match", *asked, tree, "--", among]
        ran = self.run(*command, ok=(0, 1))
        return [name.partition(":")[2] for name in decode(ran.out).split("\0")[:-1]]

    def hash_files(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the blob ids that files of the work tree have; the missing are left out."""
        assert self.work_tree is not None  # noqa: S101, for mypy: a checkout has one
        there = sorted(path for path in paths if (self.work_tree / path).is_file())
        asked = encode("".join(f"{path}\n" for path in there))
        out = self.run("hash-object", "--stdin-paths", stdin=asked).out
        return dict(zip(there, decode(out).split(), strict=True))

    def hash_paths(self, files: Mapping[str, Path]) -> dict[str, str]:
        """Return the blob ids of files anywhere, as they are, by the names they are given."""
        there = {name: path for name, path in files.items() if path.is_file()}
        asked = encode("".join(f"{path}\n" for path in there.values()))
        out = self.run("hash-object", "--no-filters", "--stdin-paths", stdin=asked).out
        return dict(zip(there, decode(out).split(), strict=True))

    def left_out(self) -> set[str]:
        """Return the files that a sparse checkout leaves out, by git-ls-files(1) ``-t``."""
        listed = decode(self.run("ls-files", "-t", "-z").out).split("\0")[:-1]
        return {line[2:] for line in listed if line.startswith("S ")}

    # Writing

    def write_blob(self, text: bytes) -> str:
        """Write a file's content, and return its id."""
        return decode(self.run("hash-object", "-w", "--stdin", stdin=text).out).strip()

    def line_map(self, old: str, new: str) -> list[tuple[int, int, int, int]]:
        """Return what differs between two blobs: first line and count in the old and the new.

        By the hunk headers of git-diff(1) ``-U0``, whose empty ranges name the line before.
        """
        command = ["diff", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", old, new]
        out = self.run(*command).out
        found = re.findall(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", out, re.MULTILINE)
        return [(int(a), int(b or 1), int(c), int(d or 1)) for a, b, c, d in found]

    def tree_of(self, base: str, change: Mapping[str, Entry | None]) -> str:
        """Write a tree: that of `base` with some paths changed."""
        with self.stage() as stage:
            stage.load(base)
            stage.update(change)
            return stage.write()

    def commit_each(self, parent: str, commits: Sequence[NewCommit]) -> list[str]:
        """Write commits upon one another, in one run of git-fast-import(1).

        The same input gives the same ids on every machine.
        """
        if not commits:
            return []
        ref = f"refs/vpatch/replay/{os.getpid()}"
        stream = commit_stream(ref, parent, commits)
        ran = self.run("fast-import", "--quiet", "--force", stdin=stream)
        return decode(ran.out).split()

    def update_index(
        self, change: Mapping[str, Entry | None], *, env: Mapping[str, str]
    ) -> None:
        """Change paths of an index, and take note of the files as they lie there."""
        self.run("update-index", "-z", "--index-info", stdin=index_info(change), env=env)
        # Status 1 says that other files differ, which is the user's affair.
        self.run("update-index", "-q", "--refresh", ok=(0, 1), env=env)

    @contextmanager
    def importing(self) -> Iterator[Git.AutoInterrupt]:
        """Run git-fast-import(1) for a stream that the caller writes and ends with ``done``.

        Raises:
            GitError: It failed. Nothing of the stream can be seen then.
        """
        # Deltas against whatever file came before save nothing and slow each later read.
        process = self.start("fast-import", "--quiet", "--done", "--force", "--depth=0")
        try:
            yield process
        except BrokenPipeError as error:
            _, err = process.communicate()
            self.sweep()
            raise self._error("fast-import", err) from error
        except BaseException:
            process.kill()
            process.communicate()
            self.sweep()
            raise
        _, err = process.communicate()
        if process.returncode:
            self.sweep()
            raise self._error("fast-import", err)

    def sweep(self) -> None:
        """Remove what an interrupted import or fetch left; the caller works here alone."""
        left = ("objects/*/tmp_*", "fast_import_crash_*", "*.lock", "refs/**/*.lock")
        for pattern in left:
            for path in self.git_dir.glob(pattern):
                path.unlink(missing_ok=True)

    def send(self, commit: str, *, without: str, to: Repo) -> None:
        """Copy what a commit has and another has not into a repository, as one pack.

        Without that other commit, its whole tree is copied, and nothing of its past.
        """
        limits = [f"^{without}"] if without else ["-n1"]
        listed = self.run("rev-list", "--objects", *limits, commit).out
        # Deltas and compression cost more than the few megabytes that they save.
        command = ["pack-objects", "-q", "--window=0", "--compression=0"]
        packs = to.objects / "pack"
        # git renames what it made into this folder, which no disk's border may part.
        source = self._written or self.objects
        with tempfile.TemporaryDirectory(prefix="tmp_", dir=source) as folder:
            self.run(*command, f"{folder}/pack", stdin=listed)
            # A pack counts once its index is there, so the index comes last.
            for made in sorted(Path(folder).glob("pack-*"), reverse=True):
                # git-prune(1) clears away what a killed run left under such a name.
                beside = packs / f"tmp_{made.name}"
                try:
                    shutil.copyfile(made, beside)
                    beside.replace(packs / made.name)
                finally:
                    beside.unlink(missing_ok=True)

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Open a temporary index over this repository's objects."""
        with temporary_folder() as folder:
            yield Stage(self, folder)


def _listed(out: bytes) -> Entries:
    found: Entries = {}
    for line in decode(out).split("\0")[:-1]:
        words, _, path = line.partition("\t")
        mode, _, oid = words.split()
        found[path] = Entry(mode, oid)
    return found


def init(path: Path, *, bare: bool) -> None:
    """Make an empty repository, without the user's templates.

    Raises:
        GitError: The folder can't be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GitError(
            f"cannot make the folder ({error.strerror})",
            where=str(path),
            hint="make it writable, or set VPATCH_CACHE_DIR to a folder that is",
        ) from error
    options = ["--bare"] if bare else []
    git_dir = path if bare else path / ".git"
    Repo(git_dir).run("init", "-q", "--template=", *options, cwd=path)
