"""What replays asked git once: paths, texts, where hunks stand. All by content: never stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.values.applied import Placed, read_applied, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpatch.doors.git import Repo, Stage
    from vpatch.values.patch import Patch
    from vpatch.values.scope import Module
    from vpatch.values.tree import Change, Entries, Entry

REFUSED = 128
"""Status of git-apply(1) where it does not read a diff to its end."""
Lines = list[list[Placed | None]]
"""For each file of a patch, for each hunk, where it fits."""
State = frozenset[tuple[str, "Entry | None"]]
Key = tuple[bytes, State, bool]


class Memory:
    """Answers of git that replays of one series onto many bases share.

    Args:
        repo: Where everything is.
    """

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.made: dict[tuple[State, bytes], Change | None] = {}
        """What a diff makes of a state; None where it does not apply."""
        self.modules: dict[str, Module] = {}
        """Python modules by their blobs."""
        self._usual: set[str] = set()
        self._entries: dict[str, dict[str, Entry | None]] = {}
        self._trees: dict[str, Entries] = {}
        self._texts: dict[str, bytes] = {}
        self._lines: dict[Key, Lines] = {}
        self._changed: dict[tuple[str, str], list[tuple[int, int, int, int]]] = {}
        self._moves: dict[tuple[str, str], tuple[set[str], dict[str, str]]] = {}

    def expect(self, paths: Iterable[str]) -> None:
        """Name paths that will be asked for: whoever asks for one gets all, in one process."""
        self._usual |= set(paths)

    def entries(self, commit: str, paths: Iterable[str]) -> Entries:
        """Return what stands at paths of a commit's tree, folders as folders."""
        wanted = set(paths)
        known = self._entries.setdefault(commit, {})
        if missing := wanted - known.keys():
            missing |= self._usual - known.keys()
            found = self.repo.entries(commit, missing)
            known |= {path: found.get(path) for path in missing}
        return {path: entry for path in wanted if (entry := known[path])}

    def files(self, commit: str, paths: Iterable[str]) -> Entries:
        """Return the files among paths of a commit's tree."""
        found = self.entries(commit, paths)
        return {path: entry for path, entry in found.items() if not entry.is_folder}

    def texts(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of blobs."""
        wanted = list(dict.fromkeys(oids))
        missing = [oid for oid in wanted if oid not in self._texts]
        if missing:
            self._texts |= dict(zip(missing, self.repo.blobs(missing), strict=True))
        return {oid: self._texts[oid] for oid in wanted}

    def lines(
        self, stage: Stage, asked: Sequence[tuple[Patch, Change]], *, reverse: bool
    ) -> list[Lines]:
        """Say for each patch, on a state of its files, where its hunks fit.

        All that is not known is asked in one process, each state below a folder of its own.

        Args:
            stage: An index to work in; nothing in it is kept.
            asked: Patches and states.
            reverse: Whether to ask where they stand already.
        """
        keys = [(patch.diff, frozenset(state.items()), reverse) for patch, state in asked]
        new = dict(zip(keys, asked, strict=True))
        new = {key: pair for key, pair in new.items() if key not in self._lines}
        if new:
            found = _asked(stage, list(new.values()), reverse=reverse)
            self._lines |= dict(zip(new, found, strict=True))
        return [self._lines[key] for key in keys]

    def line_map(self, old: str, new: str) -> list[tuple[int, int, int, int]]:
        """Return what differs between two blobs, as `Repo.line_map` does."""
        if (old, new) not in self._changed:
            self._changed[old, new] = self.repo.line_map(old, new)
        return self._changed[old, new]

    def moved(self, old: str, new: str, paths: Iterable[str]) -> dict[str, str]:
        """Return where files went between two commits: old path to new.

        git looks for renames among these files alone and what is new: to compare all that
        vLLM moves between two far releases takes seconds.
        """
        asked, found = self._moves.setdefault((old, new), (set(), {}))
        if missing := set(paths) - asked:
            asked |= missing
            found |= self._looked_for(old, new, missing)
        return {path: found[path] for path in paths if path in found}

    def _tree(self, commit: str) -> Entries:
        """Return every file of a commit."""
        if commit not in self._trees:
            self._trees[commit] = self.repo.entries(commit)
        return self._trees[commit]

    def _looked_for(self, old: str, new: str, paths: Iterable[str]) -> dict[str, str]:
        before, after = self._tree(old), self._tree(new)
        gone = {path: before[path] for path in paths if path in before and path not in after}
        kinds = tuple({_suffix(path) for path in gone})
        added = {p: e for p, e in after.items() if p not in before and p.endswith(kinds)}
        found = _renames(self.repo, gone, added) if gone and added else {}
        if not found:
            return {}
        # git gives a new file to the old one that is most like it, which may be another.
        rivals = {p: e for p, e in before.items() if p not in after and p.endswith(kinds)}
        best = _renames(self.repo, rivals, {path: added[path] for path in found.values()})
        return {path: to for path, to in found.items() if best.get(path) == to}


def _asked(
    stage: Stage, asked: Sequence[tuple[Patch, Change]], *, reverse: bool
) -> list[Lines]:
    options = ["--reject", *(["--reverse"] if reverse else [])]
    if len(asked) == 1:
        patch, state = asked[0]
        stage.reset(state)
        ran = stage.apply(patch.diff, *options)
        return [read_applied(ran.err, patch.files, reverse=reverse)]
    states = enumerate(state for _, state in asked)
    stage.reset({f"{n}/{path}": state[path] for n, state in states for path in state})
    files = [file.below(str(n)) for n, (patch, _) in enumerate(asked) for file in patch.files]
    ran = stage.apply(b"".join(file.text() for file in files), *options)
    lines = told(ran.err, files, reverse=reverse) if ran.status != REFUSED else None
    if lines is None:
        # One patch that git refuses to read silences all; each is asked by itself then.
        return [_asked(stage, [pair], reverse=reverse)[0] for pair in asked]
    each = iter(lines)
    return [[next(each) for _ in patch.files] for patch, _ in asked]


def _suffix(path: str) -> str:
    return f".{path.rpartition('.')[2]}" if "." in path.rpartition("/")[2] else ""


def _renames(repo: Repo, gone: Entries, added: Entries) -> dict[str, str]:
    with repo.stage() as stage:
        trees = []
        for entries in (gone, added):
            stage.reset(entries)
            trees.append(stage.write())
    return repo.changed(*trees, renames=True)
