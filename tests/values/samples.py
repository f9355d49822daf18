"""Real diffs of any two trees, written by git and GNU diff, and lines that try to mislead."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from support import git

Files = dict[str, bytes]
"""Path to content."""

fast = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
wide = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))

MISLEADING = (
    *("", " ", "\t", "  deep", "x", "y", "# end", "}", "return x", "é ü", "\f", "a\rb"),
    *("-- ", "-- a/f\t", "++ b/f", "- x", "--", "+", "-", "\\", "@@ -1 +1 @@", "From: x"),
    *("diff --git a/f b/f", "index 0000000..1111111", "Binary files a and b differ"),
    *("Hunk #1 succeeded at 5 (offset 2 lines).", "Checking patch f...", "rename from f"),
    *("error: patch failed: f:1", "error: while searching for:", "error: f: gone"),
    *("Applying patch f with 1 reject...", "Applied patch f cleanly.", "-- a", "\x85\x0b\x1c"),
    *("\\ No newline at end of file", "From 0123456789012345678901234567890123456789 x"),
)
"""Lines that look like parts of a diff, of a mail or of git's messages."""

line = st.sampled_from(MISLEADING)
lines = st.lists(line, max_size=12)
paths = st.sampled_from(
    ("f", "d/e.py", "d/sp ace.py", "ü.py", 'q"uote', "tab\tbed", "a/b/c", "g ")
)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Draw a file: misleading lines, with or without a newline at the end, LF or CRLF."""
    end = draw(st.sampled_from((b"\n", b"\n", b"\r\n")))
    body = end.join(text.encode() for text in draw(lines))
    return body + end if body and draw(st.integers(0, 3)) else body


@st.composite
def changes(draw: st.DrawFn) -> tuple[Files, Files]:
    """Draw files before and after a change: edits, new, deleted, moved and emptied ones."""
    before = draw(st.dictionaries(paths, contents(), max_size=3))
    after = dict(before)
    for path in list(before):
        kind = draw(st.sampled_from(("edit", "edit", "edit", "keep", "delete", "move")))
        if kind == "edit":
            after[path] = _edited(draw, before[path])
        elif kind != "keep":
            content = after.pop(path)
            if kind == "move":
                after[f"moved/{path}"] = content
    after |= draw(st.dictionaries(paths, contents(), max_size=1))
    return before, after


def _edited(draw: st.DrawFn, content: bytes) -> bytes:
    rows = content.split(b"\n")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(rows) - 1))
        span = at + draw(st.integers(0, 2))
        rows[at:span] = [text.encode() for text in draw(st.lists(line, max_size=2))]
        rows = rows or [b""]
    return b"\n".join(rows)


@dataclass(frozen=True)
class Trees:
    """A repository that holds trees for as long as the tests run."""

    folder: Path

    def add(self, *states: Files) -> list[str]:
        """Write files as commits and return their ids."""
        pack: list[bytes] = []
        for mark, files in enumerate(states, 1):
            pack.append(b"commit refs/heads/x%d\nmark :%d\n" % (mark, mark))
            pack.append(b"committer x <x> 1700000000 +0000\ndata 1\nx\ndeleteall\n")
            for path, raw in files.items():
                name = path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"')
                pack.append(b'M 100644 inline "%s"\ndata %d\n%s\n' % (name, len(raw), raw))
        pack += [b"get-mark :%d\n" % (number + 1) for number in range(len(states))]
        return (
            self.run("fast-import", "--quiet", "--force", stdin=b"".join(pack)).decode().split()
        )

    def diff(self, before: Files, after: Files, *options: str) -> bytes:
        """Return what ``git diff`` writes between two trees."""
        return self.run("diff", "-M", *options, *self.add(before, after))

    def applied(self, before: Files, diff: bytes) -> dict[str, bytes]:
        """Apply a diff with git and return the files; git must take all of it."""
        self.run("read-tree", *self.add(before))
        self.run("apply", "--cached", "--whitespace=nowarn", "-", stdin=diff)
        listed = self.run("ls-files", "-s", "-z").split(b"\0")[:-1]
        found: dict[str, bytes] = {}
        for entry in listed:
            words, _, path = entry.partition(b"\t")
            found[path.decode()] = self.run("cat-file", "blob", words.split()[1].decode())
        return found

    def rejected(self, before: Files, diff: bytes, *, reverse: bool) -> bytes:
        """Return what git says when a diff is put onto files as far as it fits."""
        self.run("read-tree", *self.add(before))
        command = ["apply", "--cached", "--verbose", "--reject", "--whitespace=nowarn"]
        command += ["--reverse"] if reverse else []
        with tempfile.TemporaryDirectory() as place:
            for path in before:
                # git writes what it rejects beside the file.
                Path(place, path).parent.mkdir(parents=True, exist_ok=True)
            ran = self._git(*command, "-", stdin=diff, cwd=place)
        return ran.stderr

    def run(self, *args: str, stdin: bytes = b"") -> bytes:
        """Run git and return what it prints."""
        ran = self._git(*args, stdin=stdin, cwd=self.folder)
        assert ran.returncode == 0, (args, ran.stderr, stdin)
        return ran.stdout

    def _git(
        self, *args: str, stdin: bytes, cwd: str | Path
    ) -> subprocess.CompletedProcess[bytes]:
        env = os.environ | {"LC_ALL": "C", "GIT_CONFIG_GLOBAL": os.devnull}
        env["GIT_DIR"] = str(self.folder / ".git")
        command = ["git", "-c", "core.quotePath=true", *args]
        return subprocess.run(
            command, input=stdin, capture_output=True, check=False, cwd=cwd, env=env
        )


@cache
def trees() -> Trees:
    """Return the repository of this test run."""
    place = tempfile.TemporaryDirectory()
    _kept.append(place)
    git(Path(place.name), "init", "-q")
    return Trees(Path(place.name))


_kept: list[tempfile.TemporaryDirectory[str]] = []


def gnu_diff(before: Files, after: Files, *options: str) -> bytes:
    """Return what ``diff -u`` of GNU writes of two folders ``a`` and ``b``."""
    with tempfile.TemporaryDirectory() as folder:
        for name, files in (("a", before), ("b", after)):
            (Path(folder) / name).mkdir()
            for path, raw in files.items():
                place = Path(folder, name, path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(raw)
        command = ["diff", "-u", "-r", *options, "a", "b"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        assert ran.returncode in (0, 1), ran.stderr
        return ran.stdout
