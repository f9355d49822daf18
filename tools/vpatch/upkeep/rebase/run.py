"""Start a rebase, go on with it, give it up."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.jobs.checkout.conflict import make_conflict
from vpatch.upkeep.rebase.outcome import Fate, Rebased, Stopped
from vpatch.upkeep.rebase.page import conflict_page
from vpatch.upkeep.rebase.source import check_target, series_of, source_for
from vpatch.upkeep.rebase.state import State, Stop
from vpatch.upkeep.rewrite import Form, listing, prove, rewrite
from vpatch.upkeep.solution import keep_resolution
from vpatch.values.errors import BadInputError, RefusedError, VpatchError
from vpatch.values.resolution import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.rebase.place import Place
    from vpatch.upkeep.replays import Replays
    from vpatch.upkeep.rewrite import PatchFile
    from vpatch.values.base import Base
    from vpatch.values.verdict import Replay, Result

_NAMED = 5
"""Files that one message names."""


class Rebase:
    """The rebase of one project's folder.

    Args:
        folder: The project's folder.
        place: Where a rebase is kept that stopped; the caller holds its lock.
        replays: Where series are put onto bases.
        command: How the command is called, for the page on a conflict.
        say: Told what a person should know on the way.
    """

    def __init__(
        self,
        folder: Folder,
        place: Place,
        replays: Replays,
        command: str,
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._place = place
        self._replays = replays
        self._command = command
        self._say = say

    def start(self, onto: Base, series: str | None, *, dry_run: bool) -> Rebased | None:
        """Begin.

        Args:
            onto: The base to bring the series to.
            series: Name of the series; None for the one that serves the base.
            dry_run: Whether to find out only, and write nothing.

        Returns:
            What came of it; None where the base has its own series already.

        Raises:
            BadInputError: There is no series for the base.
            RefusedError: Something is in the way.
        """
        source = source_for(self._folder, onto, series, self._say)
        if source is None:
            return None
        state = State(source, onto, self._digests(source))
        return self._run(state, dry_run=dry_run)

    def go_on(self) -> Rebased:
        """Keep the resolution of the conflict, and go on to the next or to the end.

        Raises:
            RefusedError: The conflict is not solved, or the series was edited meanwhile.
        """
        state = self._checked()
        if state.stop and state.stop.key and self._place.tree.exists():
            state = self._keep_resolution(state, state.stop)
            self._place.save(state)
        self._place.retire()
        return self._run(state, dry_run=False)

    def skip(self) -> Rebased:
        """Leave the patch out that the rebase stopped at, and go on."""
        state = self._checked()
        if state.stop:
            skipped = (*state.skipped, state.stop.patch)
            state = replace(state, skipped=skipped, stop=None)
            self._place.save(state)
        self._place.retire()
        return self._run(state, dry_run=False)

    def _checked(self) -> State:
        state = under_way(self._place)
        self._refuse_edited(state)
        return replace(state, onto=self._found_again(state.onto))

    def _refuse_edited(self, state: State) -> None:
        now = self._digests(state.series)
        names = {*now, *state.digests}
        edited = sorted(name for name in names if now.get(name) != state.digests.get(name))
        if edited:
            folder = self._folder.patches / state.series
            raise RefusedError(
                "the series was edited since the rebase began",
                where=", ".join(str(folder / name) for name in edited[:_NAMED]),
                hint="bring it back, or give the rebase up with --abort and start again; "
                "solved conflicts are kept",
            )

    def _found_again(self, onto: Base) -> Base:
        """Return the base by its commit: a branch may have moved on, or be gone."""
        bases = self._replays.bases
        found = bases.find(onto.commit) or bases.get(onto.name)
        if found.commit != onto.commit:
            raise RefusedError(
                f"the rebase began on {onto.name} at {onto.commit[:12]}, which is not at hand",
                where=str(self._place.root),
                hint="give it up with vpatch rebase --abort, then start again",
            )
        return onto

    def _digests(self, series: str) -> dict[str, str]:
        path = self._folder.path_of(series)
        names = [entry.name for entry in self._folder.series_file(series).entries]
        there = [path, *(path.parent / name for name in names)]
        return {
            str(one.relative_to(path.parent)): hashlib.sha256(files.read(one)).hexdigest()
            for one in there
            if one.is_file()
        }

    # The way

    def _run(self, state: State, *, dry_run: bool) -> Rebased:
        series = series_of(self._folder, state.series, state.onto)
        solved = chosen(self._folder.all_resolutions(), state.onto)
        replay = self._replays.replay(series, state.onto, solved)
        lost = next((one for one in replay.results if _is_lost(one, state)), None)
        if lost and not dry_run:
            return self._stop(state, replay, lost)
        made = rewrite(replay, self._replays.repo, Form.SERIES)
        if not lost:
            prove(self._replays, replay, made)
        if not dry_run:
            self._write(state, replay, made)
        fates = tuple(
            _fate(state, result, file)
            for result, file in zip(replay.results, made, strict=True)
        )
        return Rebased(state.series, state.onto, replay.results, fates)

    def _write(self, state: State, replay: Replay, made: Sequence[PatchFile | None]) -> None:
        # The replay took its time, in which others may have been at work.
        self._refuse_edited(state)
        source = self._folder.series_file(state.series)
        contents = {file.name: file.content for file in made if file}
        contents["series"] = listing(replay, made, source, self._replays.facts)
        target = state.onto.name
        gone: set[str] = set()
        if target == state.series:
            gone = {entry.name for entry in source.entries} - contents.keys()
        else:
            check_target(self._folder, target)
        self._place.put(target, contents, sorted(gone))

    def _stop(self, state: State, replay: Replay, lost: Result) -> Rebased:
        clash = lost.clash
        stop = Stop(lost.patch.name, "")
        if clash:
            stop = Stop(lost.patch.name, clash.key, clash.onto, clash.tree)
        self._place.save(state.stopped_at(stop))
        self._say(f"making {self._place.tree if clash else self._place.page}")
        page = conflict_page(self._replays, replay, lost, self._command)
        files.write(self._place.page, page)
        if clash:
            make_conflict(self._replays.repo, clash, self._place.tree)
        stopped = Stopped(lost, self._place.tree if clash else None, self._place.page)
        fates = tuple(
            Fate.SKIPPED if one.patch.name in state.skipped else Fate.LOST
            for one in replay.results
        )
        return Rebased(state.series, state.onto, replay.results, fates, stopped)

    def _keep_resolution(self, state: State, stop: Stop) -> State:
        hints = "vpatch rebase --continue", "vpatch rebase --skip"
        made_for = state.series, state.onto
        name = keep_resolution(self._folder, self._place.tree, stop, made_for, hints)
        return replace(state, solved=(*state.solved, name), stop=None)


def under_way(place: Place) -> State:
    """Return the state of the rebase that stopped.

    Raises:
        BadInputError: There is none.
    """
    state = place.state()
    if state is None:
        raise BadInputError(
            "no rebase is in progress",
            where=str(place.root),
            hint="vpatch rebase --onto BASE starts one",
        )
    return state


def give_up(place: Place) -> tuple[str, ...]:
    """Forget the rebase that stopped; return the names of the resolutions that stay.

    Raises:
        BadInputError: There is none.
    """
    solved: tuple[str, ...] = ()
    try:
        solved = under_way(place).solved
    except BadInputError:
        raise
    except VpatchError:
        pass  # A broken note is given up as well.
    place.drop()
    return solved


def _is_lost(result: Result, state: State) -> bool:
    return not result.verdict.good and result.patch.name not in state.skipped


def _fate(state: State, result: Result, file: PatchFile | None) -> Fate:
    if not result.verdict.good:
        return Fate.SKIPPED if result.patch.name in state.skipped else Fate.LOST
    if file is None:
        return Fate.LANDED
    if result.cause.startswith("resolved as "):
        return Fate.RESOLVED
    return Fate.KEPT if file.kept else Fate.REWRITTEN
