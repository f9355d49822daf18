"""Go through a series in order; the common case in as few git processes as can be."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from vpatch.doors.git import NewCommit
from vpatch.jobs.replay.attempt import Attempt, Placement, exactly, refused
from vpatch.jobs.replay.blame import needs_of
from vpatch.jobs.replay.home import Home
from vpatch.jobs.replay.place import place
from vpatch.jobs.replay.setting import Setting
from vpatch.values.applied import read_applied
from vpatch.values.base import version_of
from vpatch.values.paths import encode
from vpatch.values.verdict import HunkResult, Replay, Result, Verdict, summed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vpatch.doors.git import Stage
    from vpatch.jobs.replay.attempt import Lines
    from vpatch.values.patch import Patch
    from vpatch.values.tree import Change, Entry

__all__ = ["Setting", "replay"]

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
        for group in _groups(run.patches):
            run.put(stage, group)
    commits = setting.repo.commit_each(setting.base.commit, list(run.commits()))
    commit = commits[-1] if commits else setting.base.commit
    tree = setting.repo.resolve(f"{commit}^{{tree}}")
    assert tree is not None  # noqa: S101, for mypy: a commit has a tree
    return Replay(
        setting.base,
        setting.series,
        tuple(run.results),
        tuple(run.changes),
        commit,
        tree,
    )


def _groups(patches: Sequence[Patch]) -> Iterator[list[Patch]]:
    """Split a series where a patch touches a file that one before it in its group touched.

    A group goes to git in one process, which costs more than most patches do.
    """
    group: list[Patch] = []
    touched: set[str] = set()
    for patch in patches:
        if patch.paths & touched:
            yield group
            group, touched = [], set()
        group.append(patch)
        touched |= patch.paths
    yield group


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
        self.above = {parent for path in paths for parent in _parents(path)}
        self.now: Change = {p: e for p, e in found.items() if not e.is_folder}
        self.home = Home(setting, self.patches)

    def put(self, stage: Stage, group: list[Patch]) -> None:
        """Put patches that touch different files onto the state."""
        if not group:
            return
        if all(patch.located and not self._way_out(patch) for patch in group):
            placements = self._exactly(stage, group)
            if placements:
                for patch, placement in zip(group, placements, strict=True):
                    self._take(patch, placement)
                return
        for patch in group:
            self._take(patch, self._singly(stage, patch))

    def _exactly(self, stage: Stage, group: list[Patch]) -> list[Placement] | None:
        """Apply a group as it is; None where one of it does not fit or may sit wrong."""
        state = self._state(group)
        files = [file for patch in group for file in patch.files]
        stage.reset(state)
        ran = stage.apply(b"".join(file.text() for file in files))
        if ran.status:
            return None
        lines = read_applied(ran.err, files, reverse=False)
        after = stage.entries()
        each = iter(lines)
        placed = [(patch, [next(each) for _ in patch.files]) for patch in group]
        if not self.setting.is_home and self._doubtful(stage, placed, state):
            return None
        return [exactly(patch, found, state, after) for patch, found in placed]

    def _doubtful(self, stage: Stage, placed: list[tuple[Patch, Lines]], state: Change) -> bool:
        """Whether something that fits may be there already, or may sit in the wrong place.

        Text that stands twice in a file takes a change where it does not belong, or once more.
        """
        files = [file for patch, _ in placed for file in patch.files]
        stage.reset(state)
        ran = stage.apply(b"".join(file.text() for file in files), "--reject", "--reverse")
        if any(any(found) for found in read_applied(ran.err, files, reverse=True)):
            return True
        return any(self._is_ambiguous(stage, patch, lines) for patch, lines in placed)

    def _is_ambiguous(self, stage: Stage, patch: Patch, lines: Lines) -> bool:
        """Whether the lines of a hunk that moved stand twice, now or where it was made."""
        moved = [
            (file, hunk)
            for file, found in zip(patch.files, lines, strict=True)
            for hunk, fit in zip(file.hunks, found, strict=True)
            if fit and fit.offset
        ]
        attempt = self._attempt(stage, patch) if moved else None
        return attempt is not None and any(
            max(attempt.count(file, hunk.side(new=False))) > 1 for file, hunk in moved
        )

    def _attempt(self, stage: Stage, patch: Patch) -> Attempt:
        return Attempt(self.setting, self.home, stage, patch, self.now, self._before)

    def _singly(self, stage: Stage, patch: Patch) -> Placement:
        if not patch.located:
            return _unlocated(patch)
        attempt = self._attempt(stage, patch)
        if way_out := self._way_out(patch):
            path, reason = way_out
            return refused(attempt, f"{path} {reason}")
        alone = self._exactly(stage, [patch])
        return alone[0] if alone else place(attempt)

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
            for parent in _parents(path):
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

    def _take(self, patch: Patch, placement: Placement) -> None:
        verdict = placement.verdict or summed(hunk.verdict for hunk in placement.hunks)
        if verdict.good and not placement.hunks and not placement.change:
            # A name or a mode that the base has already: git takes it, and changes nothing.
            verdict = Verdict.LANDED
        result = Result(
            patch,
            verdict,
            tuple(placement.hunks),
            cause=placement.cause,
            landed_in=_newest(hunk.landed_in for hunk in placement.hunks),
            changed_since=_newest(hunk.changed_since for hunk in placement.hunks),
        )
        if verdict.good and result.landed_in:
            since = f"landed in {result.landed_in}, changed since in {result.changed_since}"
            result = result.because(since)
        if not verdict.good:
            needs = needs_of(self.home, patch, result, self._before)
            if needs:
                names = " and ".join(needs)
                result = Result(
                    patch, verdict, result.hunks, needs, f"needs {names}, which has no place"
                )
        else:
            self.now |= placement.change
        said = self._contradiction(patch, result)
        self.results.append(result.because(said) if said else result)
        self.changes.append(placement.change if verdict.good else {})

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

    def commits(self) -> Iterator[NewCommit]:
        """Yield a commit for each patch that changed something."""
        fallback = ""
        for patch, change in zip(self.patches, self.changes, strict=True):
            if change:
                if patch.date is None and not fallback:
                    fallback = self.setting.base_date()
                yield _commit(patch, change, fallback)


def _parents(path: str) -> list[str]:
    """Return the folders above a path, outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _unlocated(patch: Patch) -> Placement:
    """Return the conflict of a patch whose files nobody knows."""
    hunks = [
        HunkResult(file.path, hunk.old_start, None, Verdict.CONFLICT)
        for file in patch.files
        for hunk in file.hunks
    ]
    cause = f"no file of the base goes by the path {patch.files[0].path}"
    return Placement(hunks, cause=cause, verdict=Verdict.CONFLICT)


def _newest(names: Iterable[str]) -> str:
    """Return the newest of some releases, empty where there is none."""
    return max((name for name in names if name), key=version_of, default="")  # type: ignore[arg-type]


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
