"""Change which patches a series has: what comes in fits, and what stays still does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.jobs.folder import in_order
from vpatch.jobs.replay import replay
from vpatch.upkeep.check import kept_series, page_of
from vpatch.upkeep.collision import explained, unplaced
from vpatch.upkeep.overview import Kept, overview
from vpatch.upkeep.rewrite import Form, prove, rewrite
from vpatch.upkeep.turns import Fate, Ground
from vpatch.values.base import Base, canonical, version_of
from vpatch.values.errors import BadInputError, RefusedError
from vpatch.values.facts import read_facts
from vpatch.values.facts_file import with_facts
from vpatch.values.patch import read_patch
from vpatch.values.resolution import chosen
from vpatch.values.series import Series, SeriesFile, read_series, series_text
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpatch.jobs.bases import Bases
    from vpatch.jobs.folder import Folder
    from vpatch.jobs.incoming import Incoming
    from vpatch.jobs.replay import Setting
    from vpatch.upkeep.replays import Replays
    from vpatch.upkeep.rewrite import PatchFile
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Replay, Result


@dataclass(frozen=True, slots=True)
class Sheet:
    """A series that is to be changed."""

    name: str
    base: Base
    """Its own base, at hand where somebody asked for that."""
    recorded: str
    """The commit of that base by its first line; releases of the index have another one."""
    file: SeriesFile
    patches: tuple[Patch, ...]

    def of(self, number: int) -> tuple[Patch, ...]:
        """Return the patches of a pull request."""
        return tuple(patch for patch in self.patches if patch.pr == number)

    @property
    def place(self) -> str:
        """Its folder, below the project's."""
        return f"patches/{self.name}"


@dataclass(frozen=True, slots=True)
class Arranged:
    """A series with other patches than it had."""

    files: Mapping[str, bytes]
    """The file of each patch by its name, in order."""
    renamed: Mapping[str, str]
    """Patches whose file has another name now."""


def sheet_of(folder: Folder, bases: Bases, base: str, *, bring: bool = True) -> Sheet:
    """Open the series of a base; one that is not there yet is empty.

    Args:
        folder: The project's folder.
        bases: Where its base is brought from.
        base: The name of a series, or a base that has none.
        bring: Whether the base is needed; where its commit is recorded, it may stay away.

    Raises:
        RefusedError: The base is served by another series, which would serve it no longer.
        BadInputError: There is no such base.
    """
    name = canonical(base)
    if name in folder.names():
        series = folder.series(name)
        own = series.base or Base(name, "", "")
        known = bases.find(own.commit) if own.commit else None
        known = own if own.commit and not (known or bring) else known
        # What a branch is called is somewhere else by now.
        fixed = own.name if version_of(own.name) or not own.commit else own.commit
        found = replace(known or bases.get(fixed), name=own.name)
        recorded = own.commit or found.commit
        return Sheet(name, found, recorded, folder.series_file(name), series.patches)
    try:
        serving = folder.serving(name)
    except BadInputError:
        found = bases.get(name)
        return Sheet(found.name, found, found.commit, SeriesFile(None, (), ()), ())
    raise RefusedError(
        f"{name} has no series of its own, {serving} serves it",
        where=str(folder.patches),
        hint=f"vpatch rebase --onto {name} makes one of it; or name that: --base {serving}",
    )


class Change:
    """A change of one series on its way.

    Args:
        folder: The project's folder.
        sheet: The series as it is.
        replays: Where series are put onto bases.
        project: Address of the upstream project, for links.
    """

    def __init__(self, folder: Folder, sheet: Sheet, replays: Replays, project: str) -> None:
        self._folder = folder
        self.sheet = sheet
        self.replays = replays
        self._project = project

    def fit(
        self, before: Sequence[Patch], incoming: Incoming, *, home: Base | None = None
    ) -> Replay:
        """Put patches that come in onto the series, behind some of its own.

        Args:
            before: Patches of the series that stand before the new ones.
            incoming: The new ones.
            home: The state that they were made on, where it is at hand already.

        Raises:
            RefusedError: A patch of the series itself has no place.
        """
        base = self.sheet.base
        first = self._standing(before, "vpatch check tells more of it; mend that first")
        onto = Base(base.name, first.commit, "")
        solved = chosen(self._folder.all_resolutions(), onto)
        series = Series(incoming.home, incoming.patches)

        def setting(onto: Base, solved: Mapping[str, Patch] | None = None) -> Setting:
            asked = self.replays.setting(series, onto, solved)
            return replace(asked, home=lambda: home) if home else asked

        found = replay(setting(onto, solved))
        ground = Ground(self.replays, first, before, setting)
        return explained(ground, found, unplaced(found.results))

    def exchange(
        self, patches: Sequence[Patch], at: slice, new: Sequence[Patch], hint: str
    ) -> tuple[list[Patch], list[Result]]:
        """Put other patches in the place of some, and make those behind them fit again.

        They stood on the series as it was. Through that they are merged where they do not fit
        any more, and by that it is told where they belong: lines may stand in a file twice.

        Args:
            patches: The series.
            at: The patches that go; none where new ones only come in.
            new: Those that come.
            hint: The way out where one behind them has no place any more.

        Returns:
            The series from now on, and what became of those behind that were merged.

        Raises:
            RefusedError: One behind them has no place any more, or would change nothing.
        """
        base, before, behind = self.sheet.base, patches[: at.start], tuple(patches[at.stop :])
        if not behind:
            return [*before, *new], []
        was, now = (self._standing([*before, *part], hint) for part in (patches[at], new))
        home = Base("the series as it was", was.commit, "")
        onto = Base(base.name, now.commit, "")

        def setting(onto: Base) -> Setting:
            at = home if onto.commit == home.commit else onto
            asked = self.replays.setting(Series(home, behind), at)
            return replace(asked, home=lambda: home)

        found = replay(setting(onto))
        wanted = unplaced(found.results)
        if not new:
            # What has lost its place by their going stood on them.
            wanted = {case: Fate.PLACED for case, fate in wanted.items() if fate is Fate.LOST}
        ground = Ground(self.replays, now if new else was, new or patches[at], setting)
        found = explained(ground, found, wanted)
        _refuse_lost(found, hint)
        # It only makes room at home: nothing is rebased.
        made = self._written(replace(found, series=Series(base, behind)), hint)
        kept = [
            patch if file.kept else read_patch(patch.name, file.content)
            for patch, file in zip(behind, made, strict=True)
        ]
        told = [one for one in found.results if one.verdict is Verdict.MERGED]
        return [*before, *new, *kept], told

    def _standing(self, patches: Sequence[Patch], hint: str) -> Replay:
        """Put patches of the series onto its base, where each must have its place."""
        base = self.sheet.base
        found = self.replays.replay(Series(base, tuple(patches)), base)
        _refuse_lost(found, hint)
        return found

    def _written(self, found: Replay, hint: str) -> list[PatchFile]:
        """Return the file of each patch, which must change something."""
        made = rewrite(found, self.replays.repo, Form.SERIES)
        for result, file in zip(found.results, made, strict=True):
            if file is None:
                what = "a patch of the series would change nothing"
                where = f"{result.patch.name}, {result.cause}"
                raise RefusedError(what, where=where, hint=hint)
        return [file for file in made if file]

    def arrange(self, patches: Sequence[Patch], hint: str) -> Arranged:
        """Write the series with other patches than it had, and prove it to be clean.

        Args:
            patches: Its patches from now on.
            hint: The way out where one of them has no place.

        Raises:
            RefusedError: One has no place, or changes nothing.
        """
        found = self._standing(patches, hint)
        made = self._written(found, hint)
        prove(self.replays, found, made)
        there = [(p.name, file) for p, file in zip(patches, made, strict=True)]
        return Arranged(
            {file.name: file.content for _, file in there},
            {name: file.name for name, file in there if name != file.name},
        )

    def keeps_head(self, number: int, own: Sequence[Patch]) -> bool:
        """Whether ``head`` in ``upstream.toml`` stays when other patches of one come.

        It speaks for all series. Where another one carries the pull request at another head,
        and the new patch names its own, it is not needed here.

        Args:
            number: The pull request.
            own: Its patches from now on.
        """
        known = self._folder.facts().get(number)
        if not (known and known.head and len(own) == 1 and own[0].taken_from):
            return False
        others = (name for name in self._folder.names() if name != self.sheet.name)
        carried = (patch for name in others for patch in self._folder.series(name).patches)
        return any(p.pr == number and p.taken_from != own[0].taken_from for p in carried)

    def contents(
        self,
        made: Arranged,
        lines: Mapping[str, str | None],
        learned: Mapping[int, Mapping[str, Any]],
    ) -> dict[str, bytes | None]:
        """Return the files of the project's folder that change.

        Args:
            made: The series from now on.
            lines: What stands in place of a patch's line in the series file, by its name, None
                for nothing; what is behind all of them by an empty one.
            learned: What to write to ``upstream.toml``, by number.

        Raises:
            RefusedError: A file that stands in no series would be written over.
        """
        sheet, folder = self.sheet, self._folder
        own = {patch.name for patch in sheet.patches}
        for name in made.files.keys() - own:
            place = folder.root / sheet.place / name
            if place.exists():
                hint = "move it away, or delete it"
                raise RefusedError("a file is in the way", where=str(place), hint=hint)
        gone = own - made.files.keys()
        found: dict[str, bytes | None] = {f"{sheet.place}/{n}": None for n in sorted(gone)}
        found |= {f"{sheet.place}/{name}": text for name, text in made.files.items()}
        recorded = replace(sheet.base, commit=sheet.recorded)
        come = [read_patch(n, text) for n, text in made.files.items() if n not in own]
        kept = sheet.file.forgetting(gone, come)
        behind = lines.get("") or ""
        text = series_text(recorded, kept, {**made.renamed, **lines}) + behind
        found[f"{sheet.place}/series"] = text.encode()
        if learned:
            found["patches/upstream.toml"] = told_facts(folder, learned).encode()
        found[page_of(folder).name] = self._page(made, text, learned)
        return folder.changed(found)

    def _page(
        self, made: Arranged, listing: str, learned: Mapping[int, Mapping[str, Any]]
    ) -> bytes:
        """Return ``PATCHES.md`` for the folder as it will be."""
        folder, own = self._folder, self.sheet.name
        patches = tuple(read_patch(name, text) for name, text in made.files.items())
        file = read_series(listing, where=own)
        new = Kept(own, Series(self.sheet.base, patches), file.left_out, file.numbers)
        names = in_order({*folder.names(), own})
        kept = [new if name == own else kept_series(folder, name) for name in names]
        facts = read_facts(told_facts(folder, learned), where="upstream.toml")
        return overview(kept, facts, self._project, folder.proofs()).encode()


def told_facts(folder: Folder, learned: Mapping[int, Mapping[str, Any]]) -> str:
    """Return ``upstream.toml`` with what was learned."""
    path = folder.patches / "upstream.toml"
    known = files.read_text(path) if path.exists() else ""
    return with_facts(known, learned, where=str(path))


def _refuse_lost(found: Replay, hint: str) -> None:
    lost = [result for result in found.results if not result.verdict.good]
    if lost:
        what = "a patch of the series has no place"
        if lost[1:]:
            what = f"{len(lost)} patches of the series have no place"
        where = "; ".join(f"{result.patch.name}, {result.cause}" for result in lost)
        raise RefusedError(what, where=where, hint=hint)
