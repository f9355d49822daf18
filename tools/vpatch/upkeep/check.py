"""Check the patches folder itself: formats, order, facts, and the page for people."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.jobs.replay import Setting, replay
from vpatch.upkeep.overview import Kept, overview
from vpatch.values.base import Base, canonical
from vpatch.values.errors import VpatchError
from vpatch.values.series import first_line
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from vpatch.jobs.bases import Bases
    from vpatch.jobs.folder import Folder
    from vpatch.values.facts import PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.series import Series, SeriesFile
    from vpatch.values.shown import Proofs
    from vpatch.values.tree import Change

_FULL = 40
_SUFFIXES = (".patch", ".diff", ".gz")
_SIGNATURE = re.compile(rb"\n-- \n.*\s*\Z", re.DOTALL)
_ZERO = b"From " + b"0" * _FULL + b" Mon Sep 17 00:00:00 2001\n"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in the folder."""

    path: str
    what: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the form of ``check``."""
        return {"path": self.path, "what": self.what, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    problems: tuple[Problem, ...]
    replayed: tuple[str, ...]
    """Series that were replayed on their own base."""
    not_replayed: tuple[str, ...]
    """Series whose base is not at hand, so that only their files were looked at."""


def page_of(folder: Folder) -> Path:
    """Return the path of ``PATCHES.md``."""
    return folder.root / "PATCHES.md"


def page(folder: Folder, project: str, proofs: Proofs | None = None) -> bytes:
    """Return ``PATCHES.md`` as it should be.

    Args:
        folder: The project's folder.
        project: Address of the upstream project, for links.
        proofs: The proofs as they will be; None for those that are there.

    Raises:
        FormatError: A file that it is made from is broken.
    """
    kept = [kept_series(folder, name) for name in folder.names()]
    return overview(kept, folder.facts(), project, proofs or folder.proofs()).encode()


def kept_series(folder: Folder, name: str) -> Kept:
    """Return a series as ``PATCHES.md`` tells of it."""
    file = folder.series_file(name)
    return Kept(name, folder.series(name), file.left_out, file.numbers)


def check(folder: Folder, bases: Bases, project: str) -> Checked:
    """Look for everything that is wrong; one problem hides no other.

    Args:
        folder: The project's folder.
        bases: Where the series' own bases may be at hand; nothing is fetched.
        project: Address of the upstream project, for links.
    """
    problems: list[Problem] = []
    facts: dict[int, PullRequest] = {}
    try:
        facts = folder.facts()
    except VpatchError as error:
        problems.append(_problem(error))
    replayed: list[str] = []
    missing: list[str] = []
    names = folder.names()
    if not names:
        problems.append(Problem(str(folder.patches), "no series", "make <base>/series"))
    for name in names:
        found = list(_of_series(folder, name, facts))
        if not found:
            series = folder.series(name)
            base = bases.find(series.base.commit) if series.base else None
            base = base or bases.find(name)
            (replayed if base else missing).append(name)
            found += _of_replay(bases, series, base, folder.path_of(name)) if base else []
        problems += found
    problems += _of_resolutions(folder)
    problems += _of_proofs(folder)
    if not problems:
        problems += _of_page(folder, project)
    return Checked(tuple(problems), tuple(replayed), tuple(missing))


def _problem(error: VpatchError) -> Problem:
    return Problem(error.where, error.what, error.hint)


def _of_series(
    folder: Folder, name: str, facts: Mapping[int, PullRequest]
) -> Iterator[Problem]:
    path = folder.path_of(name)
    try:
        found = folder.series_file(name)
    except VpatchError as error:
        yield _problem(error)
        return
    if found.base is None or canonical(found.base[0]) != name:
        yield Problem(
            str(path),
            "its first line does not record the base",
            f"write: {first_line(Base(name, '<full commit>', ''))}, "
            f"with the commit that 'vpatch bases --fetch {name}' shows",
        )
    yield from _of_listing(path, found)
    patches: list[Patch] = []
    for entry in {entry.name: entry for entry in found.entries}.values():
        if entry.strip is not None:
            hint = "write the bare name; vpatch finds the strip level"
            yield Problem(str(path), f"{entry.name} has an option", hint)
        try:
            patches.append(folder.patch(path, entry))
        except VpatchError as error:
            yield _problem(error)
    for patch in patches:
        yield from _of_form(path.parent / patch.name, patch)
        yield from _of_facts(path.parent / patch.name, patch, facts)
    yield from _of_doubles(path, patches)


def _of_listing(path: Path, found: SeriesFile) -> Iterator[Problem]:
    """Compare the lines of a series with the files beside it."""
    listed = Counter(entry.name for entry in found.entries)
    for double, count in listed.items():
        if count > 1:
            yield Problem(str(path), f"{double} stands twice", "keep one line")
    for there in sorted(path.parent.iterdir()):
        if there.suffix in _SUFFIXES and there.name not in listed:
            yield Problem(str(there), "no line of the series names it", "add it or delete it")


def _of_doubles(path: Path, patches: Sequence[Patch]) -> Iterator[Problem]:
    """Find a pull request that is carried twice; one in parts records a commit in each."""
    taken: dict[int, str] = {}
    for patch in patches:
        if patch.pr and "Upstream-Head" not in patch.trailers:
            if patch.pr in taken:
                what = f"#{patch.pr} is carried twice: {taken[patch.pr]} and {patch.name}"
                yield Problem(str(path), what, "keep one of the two")
            taken[patch.pr] = patch.name


def _of_form(path: Path, patch: Patch) -> Iterator[Problem]:
    where = str(path)
    export = "git format-patch --zero-commit --full-index --no-signature --no-stat writes it so"
    if not patch.raw.startswith(_ZERO):
        yield Problem(where, "no mail of git format-patch with a zero commit id", export)
    if not (patch.author[0] and patch.date):
        yield Problem(where, "no author or no date in it", "add From: and Date: lines")
    if _SIGNATURE.search(patch.raw):
        yield Problem(where, "a signature at its end", export)
    if any(file.hunks and min(map(len, file.ids)) < _FULL for file in patch.files):
        yield Problem(where, "index lines without full blob ids", export)
    if not patch.located:
        yield Problem(where, "paths without a/ and b/", export)


def _of_facts(path: Path, patch: Patch, facts: Mapping[int, PullRequest]) -> Iterator[Problem]:
    where = str(path)
    if patch.pr is None:
        return
    if "Upstream-PR" not in patch.trailers:
        yield Problem(where, "no Upstream-PR trailer", "end the body with Upstream-PR: <url>")
    request = facts.get(patch.pr)
    if request is None:
        hint = f"add a [[pr]] table with number = {patch.pr}"
        yield Problem(where, f"upstream.toml does not know #{patch.pr}", hint)
        return
    for name in sorted(patch.paths):
        for excluded in request.exclude:
            if fnmatch(name, excluded):
                hint = f"leave the file out, or take {excluded} out of upstream.toml"
                yield Problem(where, f"{name} is excluded for #{patch.pr}", hint)


def _of_replay(bases: Bases, series: Series, base: Base, path: Path) -> Iterator[Problem]:
    """Replay a series at home, where nothing but ``clean`` is right."""
    try:
        with bases.store.scratch() as repo:
            found = replay(Setting(repo, series, base, releases=bases.releases()))
            wrong = dict(_wrong_ids(found.changes, series))
    except VpatchError as error:
        yield _problem(error)
        return
    for result in found.results:
        where = str(path.parent / result.patch.name)
        if result.verdict is not Verdict.CLEAN:
            hint = "write it anew for this base, or put it where it belongs in the order"
            what = f"{result.verdict.value} on its own base {base.name}"
            yield Problem(where, f"{what} ({result.cause})" if result.cause else what, hint)
        elif name := wrong.get(result.patch.name):
            hint = "export the patch from git again: a three-way merge needs the true ids"
            yield Problem(where, f"the index line of {name} names another blob", hint)


def _wrong_ids(changes: tuple[Change, ...], series: Series) -> Iterator[tuple[str, str]]:
    for patch, change in zip(series.patches, changes, strict=True):
        for file in patch.files:
            entry = change.get(file.new or "")
            if file.ids[1] and entry and not entry.oid.startswith(file.ids[1]):
                yield patch.name, file.path


def _of_resolutions(folder: Folder) -> Iterator[Problem]:
    """Read each resolution, and see that it says which conflict it solves."""
    for path in folder.resolution_files():
        try:
            folder.resolution(path)
        except VpatchError as error:
            yield _problem(error)


def _of_proofs(folder: Folder) -> Iterator[Problem]:
    """Read what the proofs showed."""
    try:
        folder.proofs()
    except VpatchError as error:
        yield _problem(error)


def _of_page(folder: Folder, project: str) -> Iterator[Problem]:
    path = page_of(folder)
    written = files.read(path) if path.exists() else b""
    if written != page(folder, project):
        what = "it is not what vpatch would write" if written else "it is missing"
        yield Problem(str(path), what, "vpatch check --fix writes it")
