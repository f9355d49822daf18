"""Edits that hypothesis makes up, and the patches and files that come of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from support import Project


class Edit(NamedTuple):
    """A change of one line."""

    path: str
    at: int
    """Number of the line, from 0."""
    text: str | None
    """What it becomes; None deletes it."""
    insert: bool = False
    """Whether the text is put before it."""

    def made(self, files: dict[str, str]) -> dict[str, str]:
        """Return files with it; one that has no line left is deleted."""
        rows = files.get(self.path, "").splitlines()
        at = min(self.at, len(rows))
        if self.text is None:
            del rows[at : at + 1]
        else:
            rows[at : at + (not self.insert)] = [self.text]
        after = files | {self.path: "".join(f"{row}\n" for row in rows)}
        return {name: content for name, content in after.items() if content}


def edits(paths: Sequence[str], most: int, letters: str) -> st.SearchStrategy[list[Edit]]:
    """Make up one to four edits.

    Args:
        paths: The files, of which some may not be there yet.
        most: The largest number of a line.
        letters: What lines are made of.
    """
    texts = st.one_of(st.none(), st.text(letters, min_size=1, max_size=8))
    one = st.builds(Edit, st.sampled_from(paths), st.integers(0, most), texts, st.booleans())
    return st.lists(one, min_size=1, max_size=4)


def history(
    author: Project, start: dict[str, str], changes: Iterable[Edit]
) -> dict[str, bytes]:
    """Commit each change and return the mails."""
    files, found = start, {}
    for number, edit in enumerate(changes):
        after = edit.made(files)
        change: dict[str, str | None] = {**dict.fromkeys(files), **after}
        if after != files:
            found[f"{number}.patch"] = author.patch(f"change {number}", change)
        files = after
    return found


def after(start: dict[str, str], changes: Iterable[Edit]) -> dict[str, str]:
    """Return files as they are when all is changed."""
    for edit in changes:
        start = edit.made(start)
    return start
