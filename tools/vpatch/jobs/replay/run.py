"""Go through a series in order; the common case in as few git processes as can be."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from vpatch.doors.git import NewCommit
from vpatch.jobs.replay.attempt import Attempt, Placement, exactly, refused
from vpatch.jobs.replay.blame import needs_of
from vpatch.jobs.replay.clash import misplaced
from vpatch.jobs.replay.home import grouped
from vpatch.jobs.replay.memory import REFUSED
from vpatch.jobs.replay.merge import merge_ahead
from vpatch.jobs.replay.place import place, settle
from vpatch.jobs.replay.scope import strayed
from vpatch.values.applied import told
from vpatch.values.base import version_of
from vpatch.values.paths import encode, parents
from vpatch.values.verdict import HunkResult, Replay, Result, Verdict, summed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vpatch.doors.git import Stage
    from vpatch.jobs.replay.memory import Lines
    from vpatch.jobs.replay.setting import Setting
    from vpatch.values.patch import Patch
    from vpatch.values.tree import Change, Entries, Entry

_ZERO, _FARTHEST = timedelta(0), timedelta(hours=14)


def replay(setting: Setting) -> Replay:
    """Put a series onto a base.

    Args:
        setting: The repository, the series, the base, and what is known of them.

    Raises:
        FormatError: A patch's paths can't be told by the base's tree, or it breaks off.
        GitError: git failed.
    """
    run = _Run(setting)
    with setting.repo.stage() as stage:
        for group in grouped(run.patches):
            run.put(stage, group)
    results, changes = tuple(run.results), tuple(run.changes)
    ends = ("", "") if setting.brief else run.written()
    return Replay(setting.base, setting.series, results, changes, *ends)


class _Run:
    """A replay on its way."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.patches = setting.located()
        self.results: list[Result] = []
        self.changes: list[Change] = []
        paths = {path for patch in self.patches for path in patch.paths}
        found = setting.entries(setting.base.commit, paths)
        # What is a folder on the base, or may be one by a patch of the series.
        self.folders = {path for path, entry in found.items() if entry.is_folder}
        self.above = {parent for path in paths for parent in parents(path)}
        self.now: Change = {p: e for p, e in found.items() if not e.is_folder}
        self.home = setting.home_of(self.patches)

    def put(self, stage: Stage, group: list[Patch]) -> None:
        """Put patches that touch different files onto the state."""
        if all(patch.located and not self._way_out(patch) for patch in group):
            self._together(stage, group)
            return
        for patch in group:
            if not patch.located:
                self._take(patch, _unlocated(patch))
            elif way_out := self._way_out(patch):
                nowhere: Lines = [[None] * len(file.hunks) for file in patch.files]
                attempt = self._attempt(stage, patch, nowhere, nowhere)
                self._take(patch, refused(attempt, " ".join(way_out)))
            else:
                self._together(stage, [patch])

    def _together(self, stage: Stage, group: list[Patch]) -> None:
        """Try all at once; what does not fit is looked into, and merged, at once as well."""
        fits, after = self._exactly(stage, group)
        if self.setting.is_home and all(after):
            for patch, lines, made in zip(group, fits, after, strict=True):
                self._take(patch, exactly(patch, lines, self._state([patch]), made or {}))
            return
        asked = [(patch, self._state([patch])) for patch in group]
        there = self.setting.memory.lines(stage, asked, reverse=True)
        attempts = [
            self._attempt(stage, *each) for each in zip(group, fits, there, strict=True)
        ]
        self._read_ahead(attempts, after)
        simple = [
            made is not None and not self._is_doubtful(attempt)
            for attempt, made in zip(attempts, after, strict=True)
        ]
        hard = [attempt for attempt, one in zip(attempts, simple, strict=True) if not one]
        for attempt in hard:
            settle(attempt)
        merge_ahead(attempt for attempt in hard if not self.setting.held(attempt.patch))
        for attempt, one, made in zip(attempts, simple, after, strict=True):
            attempt.before = self._before
            found = (
                exactly(attempt.patch, attempt.fits, attempt.state, made or {})
                if one
                else place(attempt)
            )
            self._take(attempt.patch, found, attempt)

    def _exactly(
        self, stage: Stage, group: list[Patch]
    ) -> tuple[list[Lines], list[Entries | None]]:
        """Say where the hunks of each patch fit, and what its files become if all do."""
        files = [file for patch in group for file in patch.files]
        stage.reset(self._state(group))
        ran = stage.apply(b"".join(file.text() for file in files), "--reject")
        lines = told(ran.err, files, reverse=False) if ran.status != REFUSED else None
        if lines is None:
            # One patch that git refuses to read silences the others.
            asked = [(patch, self._state([patch])) for patch in group]
            fits = self.setting.memory.lines(stage, asked, reverse=False)
        else:
            each = iter(lines)
            fits = [[next(each) for _ in patch.files] for patch in group]
        if not ran.status:
            after = stage.entries()
            return fits, [after] * len(group)
        whole = [
            patch
            for patch, lines in zip(group, fits, strict=True)
            if all(placed for hunks in lines for placed in hunks)
        ]
        made = self._made(stage, whole)
        return fits, [made.get(patch.name) for patch in group]

    def _read_ahead(self, attempts: Sequence[Attempt], after: Sequence[Entries | None]) -> None:
        """Read the files at once that will be looked into, of all patches."""
        oids: set[str] = set()
        for attempt, made in zip(attempts, after, strict=True):
            ancestor = attempt.ancestor
            changed = not all(map(attempt.is_as_at_home, attempt.patch.files))
            if made is None or changed or any(any(found) for found in attempt.there):
                states = [attempt.state, ancestor.files if ancestor else {}]
                states.append((ancestor.after if ancestor else None) or {})
                oids |= {entry.oid for state in states for entry in state.values() if entry}
        self.setting.memory.texts(oids)

    def _made(self, stage: Stage, patches: list[Patch]) -> dict[str, Entries]:
        """Apply what fits, all at once or, where that fails, one by one."""
        if not patches:
            return {}
        stage.reset(self._state(patches))
        if stage.apply(b"".join(patch.diff for patch in patches)).status == 0:
            after = stage.entries()
            return {patch.name: after for patch in patches}
        if len(patches) == 1:
            return {}
        return {k: v for patch in patches for k, v in self._made(stage, [patch]).items()}

    def _is_doubtful(self, attempt: Attempt) -> bool:
        """Whether something that fits may be there already, or may sit in the wrong place.

        Text that stands twice in a file takes a change where it does not belong, or once more.
        """
        if self.setting.is_home:
            return False
        if any(any(found) for found in attempt.there):
            return True
        return any(
            max(attempt.count(case.file, case.hunk.side(new=False))) > 1
            for case in attempt.cases
            if case.fit and not attempt.is_as_at_home(case.file)
        )

    def _attempt(self, stage: Stage, patch: Patch, fits: Lines, there: Lines) -> Attempt:
        before = self._before
        return Attempt(self.setting, self.home, stage, patch, self.now, before, fits, there)

    @property
    def _before(self) -> list[tuple[Patch, Result]]:
        """The patches that were tried, and what became of them."""
        return list(zip(self.patches, self.results, strict=False))

    def _state(self, patches: Sequence[Patch]) -> Change:
        paths = sorted({path for patch in patches for path in patch.paths})
        return {path: entry for path in paths if (entry := self.now.get(path))}

    def _way_out(self, patch: Patch) -> tuple[str, str] | None:
        """Find a path that can't be: below a file or a link, or where a folder is."""
        dropped = {file.old for file in patch.files if file.old and file.old != file.new}
        for path in sorted(file.new for file in patch.files if file.new):
            for parent in parents(path):
                entry = self.now.get(parent)
                if entry and parent not in dropped:
                    kind = "a symbolic link" if entry.is_way_out else "a file"
                    return path, f"would lie below {parent}, which is {kind} in the base"
            if any(file.new == path and b" 160000" in file.head for file in patch.files):
                return path, "is a submodule, which vpatch does not carry"
            if self._below(path) - dropped:
                return path, "is a folder in the base"
        return None

    def _below(self, path: str) -> set[str]:
        """Return the files that are below a path now."""
        if path not in self.above and path not in self.folders:
            return set()
        found = {name for name in self.now if name.startswith(f"{path}/")}
        if path in self.folders:
            tree = self.setting.repo.entries(f"{self.setting.base.commit}:{path}")
            found |= {f"{path}/{name}" for name in tree}
        return {name for name in found if self.now.get(name, name) is not None}

    def _take(self, patch: Patch, placement: Placement, attempt: Attempt | None = None) -> None:
        unseen = attempt and not (self.setting.is_home or placement.solved)
        if attempt and unseen and _verdict(placement).good:
            strays = strayed(attempt, placement)
            placement = misplaced(attempt, placement, strays) if strays else placement
        result = _result(patch, placement)
        if result.verdict.good:
            self.now |= placement.change
        elif result.verdict is Verdict.CONFLICT:
            result = self._with_needs(result)
        said = self._contradiction(patch, result)
        self.results.append(result.because(said) if said else result)
        self.changes.append(placement.change if result.verdict.good else {})

    def _with_needs(self, result: Result) -> Result:
        base = self.setting.base
        needs = needs_of(self.home, base, result.patch, result, self._before)
        if not needs:
            return result
        names = " and ".join(needs)
        return replace(result, needs=needs, cause=f"needs {names}, which has no place")

    def _contradiction(self, patch: Patch, result: Result) -> str:
        """Say it where a landmark claims a change that still applies."""
        applied = {
            hunk.path
            for hunk in result.hunks
            if hunk.verdict in (Verdict.CLEAN, Verdict.OFFSET)
        }
        for mark in self.setting.held(patch):
            if mark.path in applied and all(
                hunk.verdict is not Verdict.LANDED
                for hunk in result.hunks
                if hunk.path == mark.path
            ):
                return (
                    f"contradiction: landed_when holds ({mark.evidence}), "
                    "yet the change still applies"
                )
        return ""

    def written(self) -> tuple[str, str]:
        """Write a commit for each change; return the last and its tree."""
        repo, base = self.setting.repo, self.setting.base.commit
        commits = repo.commit_each(base, list(self._commits()))
        commit = commits[-1] if commits else base
        return commit, repo.resolve(f"{commit}^{{tree}}") or ""

    def _commits(self) -> Iterator[NewCommit]:
        fallback = ""
        for patch, change in zip(self.patches, self.changes, strict=True):
            if change:
                if patch.date is None and not fallback:
                    fallback = self.setting.base_date()
                yield _commit(patch, change, fallback)


def _verdict(placement: Placement) -> Verdict:
    found = placement.verdict or summed(hunk.verdict for hunk in placement.hunks)
    if found.good and not placement.hunks and not placement.change:
        # A name or a mode that the base has already: git takes it, and changes nothing.
        return Verdict.LANDED
    return found


def _result(patch: Patch, placement: Placement) -> Result:
    result = Result(
        patch,
        _verdict(placement),
        tuple(placement.hunks),
        cause=placement.cause,
        landed_in=_by_age(hunk.landed_in for hunk in placement.hunks)[-1],
        changed_since=_by_age(hunk.changed_since for hunk in placement.hunks)[0],
        clash=placement.clash,
    )
    if result.verdict.good and result.landed_in:
        since = f"landed in {result.landed_in}, changed since in {result.changed_since}"
        return result.because(since)
    return result


def _unlocated(patch: Patch) -> Placement:
    """Return the conflict of a patch whose files nobody knows."""
    hunks = [
        HunkResult(file.path, hunk.old_start, None, Verdict.CONFLICT)
        for file in patch.files
        for hunk in file.hunks
    ]
    cause = f"no file of the base goes by the path {patch.files[0].path}"
    return Placement(hunks, cause=cause, verdict=Verdict.CONFLICT)


def _by_age(names: Iterable[str]) -> list[str]:
    """Return releases in order; an empty name where there is none."""
    return sorted(filter(None, names), key=version_of) or [""]  # type: ignore[arg-type]


def _commit(patch: Patch, change: Mapping[str, Entry | None], fallback: str) -> NewCommit:
    name, address = (re.sub(r"[<>\n\0]", "", part).strip() for part in patch.author)
    date = fallback
    if patch.date:
        # git takes no zone beyond the ones that exist; the instant is the same without it.
        zone = (
            f"{patch.date:%z}" if abs(patch.date.utcoffset() or _ZERO) <= _FARTHEST else "+0000"
        )
        date = f"{max(0, int(patch.date.timestamp()))} {zone}"
    message = f"{patch.subject}\n\n{patch.body}".strip() + "\n"
    author = f"{name or 'unknown'} <{address or 'unknown@localhost'}>"
    return NewCommit(author, date, encode(message.replace("\0", "")), change)
