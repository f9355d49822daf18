"""A series: patches in order, for one base.

The file is quilt's ``series``: ``NAME [-pN] [-R] [# note]``, ``-p1`` where nothing is said
(quilt(1), "Series file"). vpatch writes bare names and full-line comments alone.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpatch.values.errors import FormatError
from vpatch.values.patch import number_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date

    from vpatch.values.base import Base
    from vpatch.values.patch import Patch

_BASE = re.compile(r"^# This series applies on (?:\S.*? )?(\S+) \(([0-9a-f]{40})\)\s*$")
_LEFT_OUT = re.compile(
    r"^# (?P<name>\S+\.(?:patch|diff)(?:\.gz)?)(?: \(#(?P<pr>[1-9]\d{0,8})\))?: (?P<why>.+)$"
)
_DROPPED = "dropped on "
_ENTRY = re.compile(r"^(?P<name>\S+)(?P<options>(?:\s+-\S+)*)\s*(?:\s#.*)?$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One patch line of a series file."""

    name: str
    """File name of the patch."""
    strip: int | None
    """Path parts to strip (``-pN``); None where the line does not say."""


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """A series file as it stands on disk."""

    base: tuple[str, str] | None
    """Name and full commit that the first line records, None without such a line."""
    entries: tuple[Entry, ...]
    lines: tuple[str, ...]
    """Every line as it was, unknown ones included."""

    @property
    def left_out(self) -> dict[str, str]:
        """Patches that a comment tells of instead of a line, and what it says."""
        found: dict[str, str] = {}
        name = ""
        for line in self.lines:
            if said := _LEFT_OUT.match(line):
                name = said["name"]
                found[name] = said["why"].strip()
            elif name and line.startswith("# ") and not _BASE.match(line):
                found[name] += f" {line[2:].strip()}"
            else:
                name = ""
        return found

    @property
    def numbers(self) -> dict[str, int]:
        """The pull requests of those of which such a comment tells it."""
        said = filter(None, map(_LEFT_OUT.match, self.lines))
        return {one["name"]: int(one["pr"]) for one in said if one["pr"]}

    def forgetting(self, gone: Collection[str], come: Iterable[Patch]) -> SeriesFile:
        """Return the file without what it says of an earlier drop.

        Args:
            gone: Names of patches that are dropped once more.
            come: Patches that come, perhaps again, and of which nothing is left out.
        """
        back = {known for patch in come for known in (patch.name, patch.pr) if known}

        def is_stale(line: str) -> bool:
            said = _LEFT_OUT.match(line)
            if not (said and said["why"].startswith(_DROPPED)):
                return False
            number = int(said["pr"]) if said["pr"] else number_in(said["name"])
            return said["name"] in gone or said["name"] in back or number in back

        return replace(self, lines=tuple(line for line in self.lines if not is_stale(line)))


@dataclass(frozen=True, slots=True)
class Series:
    """Patches in order, for one base."""

    base: Base | None
    """The base that they were made for; None where nothing tells."""
    patches: tuple[Patch, ...]

    def upto(self, name: str) -> Series:
        """Return the series up to and with the patch of this name."""
        names = [patch.name for patch in self.patches]
        return Series(self.base, self.patches[: names.index(name) + 1])


def in_parts(patches: Iterable[Patch]) -> frozenset[int]:
    """Return the pull requests that several of some patches carry: no number names one."""
    carried = Counter(patch.pr for patch in patches if patch.pr)
    return frozenset(number for number, count in carried.items() if count > 1)


def number_of(
    name: str, said: Mapping[str, int], carried: Mapping[str, int | None]
) -> int | None:
    """Return the pull request of a patch that is left out; None where it has none.

    Args:
        name: Its file name.
        said: By file name what the series says.
        carried: By file name that of each patch that some series carries.
    """
    if name in said:
        return said[name]
    # The patch may have another name in every series that carries it.
    return carried[name] if name in carried else number_in(name)


def dropped(name: str, number: int | None, day: date, why: str) -> str:
    """Return the comment that stands for a patch which was dropped.

    Args:
        name: Its file name.
        number: Its pull request, None where it has none.
        day: When it was dropped.
        why: The reason in one line, empty where there is none.
    """
    whose = f" (#{number})" if number else ""
    return f"# {name}{whose}: {_DROPPED}{day}{why and f': {why}'}"


def first_line(base: Base) -> str:
    """Return the first line of a series file for a base."""
    return f"# This series applies on vLLM {base.name} ({base.commit})"


def series_text(base: Base, source: SeriesFile, instead: Mapping[str, str | None]) -> str:
    """Return a series file for a base: the lines of another one, comments in their places.

    Args:
        base: The base.
        source: The file whose lines are taken.
        instead: What stands in place of a patch's line, by the patch's name; None for nothing.
    """
    rows: list[str | None] = [first_line(base)]
    for line in source.lines:
        entry = _ENTRY.match(line.strip())
        if not _BASE.match(line):
            rows.append(instead.get(entry["name"], line) if entry else line)
    return "".join(f"{row}\n" for row in rows if row is not None)


def read_series(text: str, *, where: str) -> SeriesFile:
    """Read a series file liberally.

    Args:
        text: Its content.
        where: Its path, for messages.

    Raises:
        FormatError: A line names a patch in a way that vpatch can't follow.
    """
    base: tuple[str, str] | None = None
    entries: list[Entry] = []
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    lines = text.removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, 1):
        if found := _BASE.match(line):
            base = base or (found[1], found[2])
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            entries.append(_entry(stripped, f"{where}, line {number}"))
    return SeriesFile(base, tuple(entries), tuple(lines))


def _entry(line: str, where: str) -> Entry:
    found = _ENTRY.match(line)
    if not found:
        hint = "a line is the name of a patch file, or a comment behind #"
        raise FormatError(f"cannot read {line!r}", where=where, hint=hint)
    strip = None
    for option in found["options"].split():
        if number := re.fullmatch(r"-p(\d|ab)", option):
            strip = 1 if number[1] == "ab" else int(number[1])
        else:
            hint = "of quilt's options, -pN alone is known; take it out"
            if option == "-R":
                hint = "write the reversed patch out: git diff -R makes it"
            raise FormatError(f"the option {option} is not for vpatch", where=where, hint=hint)
    name = found["name"]
    if not name.isprintable():
        hint = "give the patch a name of letters, digits, dots and hyphens"
        raise FormatError(f"{name!r} is no name of a file", where=where, hint=hint)
    if name.startswith(("/", ".")) or ".." in name.split("/"):
        hint = "name a file that lies beside the series file"
        raise FormatError(f"{name!r} leaves the folder", where=where, hint=hint)
    return Entry(name, strip)
