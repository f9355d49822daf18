"""Say why a hunk has no place: where its file went, who did the same, what it needs."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vpatch.jobs.replay.attempt import TELLING
from vpatch.jobs.replay.history import present
from vpatch.values.paths import decode
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpatch.jobs.replay.attempt import Attempt, Case
    from vpatch.jobs.replay.home import Home
    from vpatch.values.base import Base
    from vpatch.values.diff import FileDiff, Hunk
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Result

_NOWHERE = ", and its lines are in no other file"
_ASKED = 3
"""Lines of a hunk that are looked for in other files."""


def moved_to(attempt: Attempt, file: FileDiff) -> str:
    """Return the path that has a file's content now, empty where none was found.

    Gone from its path does not mean gone: by renames between the two bases, then by the blob,
    then by the patch's own lines.
    """
    old = file.old
    if old is None:
        return ""
    if new := attempt.renamed(file):
        return new
    setting, home = attempt.setting, attempt.home.base
    blob = file.ids[0]
    if home and not blob:
        entry = setting.files(home.commit, [old]).get(old)
        blob = entry.oid if entry else ""
    if blob:
        had = setting.repo.entries(home.commit) if home else {}
        for path, entry in setting.repo.entries(setting.base.commit).items():
            if path not in had and entry.oid.startswith(blob):
                return path
    return _holder(attempt, b"".join(hunk.side(new=False) for hunk in file.hunks), but=old)


def _holder(attempt: Attempt, lines: bytes, *, but: str) -> str:
    """Return the file that the longest of these lines went to, empty where none did.

    A file that had them in the patch's own base as well did not get them from another.
    """
    telling = {
        text for line in lines.splitlines() if len(text := decode(line).strip()) >= TELLING
    }
    asked = sorted(telling, key=lambda text: (-len(text), text))[:_ASKED]
    if not asked:
        return ""
    home, repo = attempt.home.base, attempt.setting.repo
    among = f"*{PurePosixPath(but).suffix}"
    found = repo.grep(attempt.setting.base.commit, asked, among)
    had = repo.grep(home.commit, asked, among) if home and found else []
    return next((path for path in found if path != but and path not in had), "")


def went_elsewhere(attempt: Attempt, case: Case) -> bool:
    """Whether what a hunk takes out, putting nothing in, has only gone to another place."""
    if attempt.still_has(case):
        return True
    removed = case.hunk.longest(b"-")
    if case.hunk.longest(b"+") or len(removed.strip()) < TELLING:
        return False
    return bool(_holder(attempt, removed, but=case.file.old or ""))


def made_before(attempt: Attempt) -> str:
    """Name the patch of the series that makes the same change, empty where none does.

    What stands there by an earlier patch has not landed: the series holds it twice.
    """
    if not any(case.verdict is Verdict.LANDED for case in attempt.cases) or not attempt.before:
        return ""
    setting, patch = attempt.setting, attempt.patch
    files = setting.files(setting.base.commit, patch.paths)
    landed = [there is not None for there in present(attempt, [dict(files)])[0]]
    made = {
        (file.path, hunk.change): earlier.name
        for earlier, result in attempt.before
        if result.verdict.good
        for file, hunk, verdict in _each(earlier, result)
        if verdict is not Verdict.LANDED
    }
    for case, on_base in zip(attempt.cases, landed, strict=True):
        name = made.get((case.file.path, case.hunk.change))
        if case.verdict is Verdict.LANDED and name and not on_base:
            return (
                f"{name} makes the change at line {case.hunk.old_start} of "
                f"{case.file.path} already: keep one of the two"
            )
    return ""


def _each(patch: Patch, result: Result) -> Iterator[tuple[FileDiff, Hunk, Verdict]]:
    pairs = [(file, hunk) for file in patch.files for hunk in file.hunks]
    for (file, hunk), found in zip(pairs, result.hunks, strict=True):
        yield file, hunk, found.verdict


def cause_of(attempt: Attempt) -> str:
    """Say, for each file, which hunks have no place and where their lines are.

    What lacks its source comes first: it may be why the rest has no place.
    """
    first = [*lacking(attempt), *(f for f in attempt.undone if _name_is_taken(attempt, f))]
    files = {id(file): file for file in (*first, *(case.file for case in attempt.open))}
    lost = {key: [case for case in attempt.open if id(case.file) == key] for key in files}
    reasons = [_reason(attempt, file, lost[key]) for key, file in files.items()]
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def lacking(attempt: Attempt) -> list[FileDiff]:
    """Return the files that are to be changed or renamed and are not there."""
    wanted = {id(file) for file in (*attempt.undone, *(case.file for case in attempt.open))}
    return [
        file
        for file in attempt.patch.files
        if id(file) in wanted and file.old and file.old not in attempt.state
    ]


def _name_is_taken(attempt: Attempt, file: FileDiff) -> bool:
    """Whether a file is to be renamed to one that is there as well."""
    paths = {path for path in (file.old, file.new) if path}
    return len(paths) > 1 and all(path in attempt.state for path in paths)


def _reason(attempt: Attempt, file: FileDiff, lost: Sequence[Case]) -> str:
    name = attempt.setting.base.name
    path = file.old or file.new or ""
    if file.old is None:
        # Where nothing is in its way, what is stands elsewhere in the patch.
        there = path in attempt.state
        return f"{path} is to be new, and is there in {name} with other content" * there
    if path not in attempt.state:
        to = attempt.renamed(file) if attempt.setting.brief else moved_to(attempt, file)
        if to:
            where = f"its content is in {to}, where the change has no place"
            return f"{path} is not in {name}: {where}"
        nowhere = "" if attempt.setting.brief or not file.hunks else _NOWHERE
        return f"{path} is not in {name}{nowhere}"
    if not lost:
        return f"{path} is to become {file.new}, which is there in {name}"
    numbers = ", ".join(str(case.number + 1) for case in lost)
    starts = ", ".join(str(case.hunk.old_start) for case in lost)
    hunks, lines = ("hunks", "lines") if len(lost) > 1 else ("hunk", "line")
    bare = any(case.hunk.side(new=False) == case.hunk.longest(b"-") for case in lost)
    found = "has no context to be placed by" if bare else "found other lines"
    text = f"{path}: {hunks} {numbers} ({lines} {starts}) {found} in {name}"
    brief = attempt.setting.brief
    elsewhere = "" if brief else _holder(attempt, _removed(lost[0]), but=path)
    return f"{text}; the lines that it changes stand in {elsewhere}" if elsewhere else text


def _removed(case: Case) -> bytes:
    lines = case.hunk.text.splitlines(keepends=True)[1:]
    return b"".join(line[1:] for line in lines if line.startswith(b"-"))


def needs_of(
    home: Home,
    base: Base,
    patch: Patch,
    result: Result,
    before: Sequence[tuple[Patch, Result]],
) -> tuple[str, ...]:
    """Return the patches whose failure is the only reason that this one fails.

    The experiment is made at home, on the series' own base: what fails there as well without
    them fails because of them.
    """
    lost = {earlier.name for earlier, other in before if not other.verdict.good}
    failed = [earlier.name for earlier in home.relevant(patch) if earlier.name in lost]
    if not failed or home.base in (None, base):
        return ()
    whole = home.fits_without(patch, ())
    without = home.fits_without(patch, failed)
    if not all(whole) or all(without):
        return ()
    pairs = zip(result.hunks, without, strict=True)
    if any(hunk.verdict is Verdict.CONFLICT and fit for hunk, fit in pairs):
        return ()
    single = tuple(name for name in failed if not all(home.fits_without(patch, (name,))))
    return single or tuple(failed)
