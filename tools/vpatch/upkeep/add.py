"""Take a pull request, a commit or a file into a series."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vpatch.doors import files
from vpatch.jobs import incoming
from vpatch.jobs.bases.nearest import HEADS
from vpatch.jobs.bases.store import init_store
from vpatch.jobs.incoming import USUALLY_LEFT_OUT, Incoming, Terms
from vpatch.upkeep.arrange import Change
from vpatch.upkeep.clone import commit_in, named
from vpatch.upkeep.replays import opened
from vpatch.upkeep.rewrite import Form, rewrite
from vpatch.upkeep.upstream import target_of
from vpatch.values.errors import RefusedError
from vpatch.values.mail import title_of
from vpatch.values.patch import read_patch
from vpatch.values.paths import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vpatch.jobs.bases import Bases
    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.arrange import Sheet
    from vpatch.upkeep.bench import Asked, Bench
    from vpatch.upkeep.replays import Replays
    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.base import Base
    from vpatch.values.patch import Patch
    from vpatch.values.pull import Pull, PullState
    from vpatch.values.verdict import Result

_FULL = 40
"""Digits of a commit id."""
_NOBODY = ("unknown", "unknown@localhost")


@dataclass(frozen=True, slots=True)
class Added:
    """What came of taking somebody's work into a series."""

    number: int | None
    """The pull request that it is; None for one's own, and for several."""
    results: tuple[Result, ...]
    """What became of each patch on the series."""
    left_out: tuple[str, ...]
    """Files that are not carried."""
    contents: Mapping[str, bytes | None]
    """The files to write, by their paths below the project's folder; none where nothing is
    to be added."""
    written: tuple[str, ...] = ()
    """Names of the new patches."""
    rewritten: tuple[str, ...] = ()
    """Names of patches behind them that are written anew."""
    stopped: bool = False
    """Whether a work tree was made of a conflict."""

    @property
    def ok(self) -> bool:
        """Whether something is added."""
        return bool(self.written)


class Add:
    """The way into a series.

    Args:
        folder: The project's folder.
        bases: The bases at hand.
        sheet: The series.
        upstream: Who can be asked.
        bench: Where a conflict is laid for a person to solve.
    """

    def __init__(
        self, folder: Folder, bases: Bases, sheet: Sheet, upstream: Upstream, bench: Bench
    ) -> None:
        self._folder = folder
        self._bases = bases
        self._sheet = sheet
        self._upstream = upstream
        self._bench = bench
        self._facts = folder.facts()

    def pull(self, number: int, asked: Asked) -> Added:
        """Take a pull request.

        Raises:
            BadInputError: There is none of that number, or no remote to ask.
            RefusedError: The series has it, or it has nothing to carry.
            VpatchError: The remote gave no answer.
        """
        self._refuse_carried(number)
        state = self._upstream.state(number)
        found = self._upstream.pull(number, target_of(state, self._facts.get(number)))
        if asked.head and asked.head != found.head:
            # What was solved is what was seen; what came since is for `refresh`.
            found = self._upstream.pull_at(found, asked.head)
        if not found.commits:
            hint = "if it was merged: take its commits from a clone, vpatch add CLONE@COMMIT"
            what = f"upstream has every commit of #{number}: there is nothing to take"
            raise RefusedError(what, where=found.branch, hint=hint)
        head, found = found.head, self._own_of(found, asked)
        terms = self._terms(number, asked, state, found.commits[0].subject)
        learned = self._learned(terms, state) | {"head": head}
        if state is None and found.branch.startswith(HEADS):
            # It was looked for: GitHub may say another one when it answers again.
            learned["target"] = found.branch.removeprefix(HEADS)
        pulls = self._upstream.remote()
        make = incoming.of_commits if asked.split else incoming.of_pull
        with self._replays(pulls.repo.objects) as replays:
            taken = make(replays.repo, found, terms, source=pulls.shown)
            return self._take(replays, taken, replace(asked, head=head), {number: learned})

    def file(self, path: Path, asked: Asked) -> Added:
        """Take a diff, a mail or a mailbox.

        Raises:
            FormatError: It holds no diff, or a broken one.
            RefusedError: The series has it, or it has nothing to carry.
        """
        init_store(self._bases.store)
        patches = incoming.patches_in(self._bases.store, path.name, files.read(path))
        terms: dict[int | None, Terms] = {}
        learned: dict[int, dict[str, Any]] = {}
        for patch in patches:
            number = patch.pr
            if number not in terms:
                if number:
                    self._refuse_carried(number)
                state = self._upstream.state(number) if number else None
                terms[number], known = self._known(number, asked, state, patch.subject)
                learned |= known
        with self._replays() as replays:
            self._bases.complete(self._sheet.base)
            tree = frozenset(replays.repo.entries(self._sheet.base.commit))
            taken = incoming.of_patches(replays.repo, patches, terms, tree=tree)
            return self._take(replays, taken, asked, learned)

    def commit(self, clone: Path, revision: str, asked: Asked) -> Added:
        """Take a commit of a clone; a pull request that it is of is named in its message.

        Raises:
            BadInputError: There is none of that name.
            RefusedError: The series has it, or no patch can hold it.
        """
        repo, commit = commit_in(clone, revision)
        found = named(commit, self._upstream, self._facts)
        number, state, commit = found.number, found.state, found.commit
        if number:
            self._refuse_carried(number)
        terms, learned = self._known(number, asked, state, commit.subject)
        if number and state and state.merged_as == commit.oid:
            learned[number]["head"] = state.head
        with self._replays(repo.objects) as replays:
            taken = incoming.of_commit(replays.repo, commit, terms, source=str(clone))
            return self._take(replays, taken, asked, learned, home=taken.home)

    def _replays(self, *borrowed: Path) -> AbstractContextManager[Replays]:
        return opened(self._bases, self._facts, self._upstream.say, *borrowed)

    def _refuse_carried(self, number: int) -> None:
        carried = self._sheet.of(number)
        if carried:
            raise RefusedError(
                f"#{number} is carried already",
                where=f"{self._sheet.place}/{carried[0].name}",
                hint=f"vpatch refresh {number} shows what its author changed since",
            )

    def _own_of(self, pull: Pull, asked: Asked) -> Pull:
        """Return a pull request without the commits that the series carries as others."""
        before, _ = self._split(asked)
        found = pull.behind({patch.taken_from for patch in before})
        if found.base != pull.base:
            below = next(patch for patch in before if patch.taken_from == found.base)
            what = f"{below.name}, which the series has; what it adds is taken"
            self._upstream.say(f"#{pull.number} stands on {what}")
        return found

    def _split(self, asked: Asked) -> tuple[Sequence[Patch], Sequence[Patch]]:
        """Return the patches that are to stand before the new ones, and those behind them."""
        patches = self._sheet.patches
        at = len(patches)
        if asked.after:
            at = [patch.name for patch in patches].index(asked.after) + 1
        return patches[:at], patches[at:]

    def _known(
        self, number: int | None, asked: Asked, state: PullState | None, subject: str
    ) -> tuple[Terms, dict[int, dict[str, Any]]]:
        """Return the terms for somebody's work by the pull request that it is of, if any."""
        if number is None:
            # One's own tests and documents are nobody's to leave out.
            return Terms(None, "", (), title_of(subject), _NOBODY, datetime.now(UTC)), {}
        terms = self._terms(number, asked, state, subject)
        return terms, {number: self._learned(terms, state)}

    def _terms(self, number: int, asked: Asked, state: PullState | None, subject: str) -> Terms:
        known = self._facts.get(number)
        usual = known.exclude if known and known.exclude else USUALLY_LEFT_OUT
        said = state or known
        author = _NOBODY
        if state and state.author:
            author = state.author, f"{state.author}@users.noreply.github.com"
        return Terms(
            number,
            self._upstream.page(number),
            () if asked.all_files else usual,
            title_of(said.title if said else subject),
            author,
            state.opened if state else datetime.now(UTC),
        )

    def _learned(self, terms: Terms, state: PullState | None) -> dict[str, Any]:
        """Return what to write to ``upstream.toml``."""
        known = self._facts.get(terms.number or 0)
        found: dict[str, Any] = {}
        if state or not known:
            found = {
                "title": terms.title,
                "state": state.state if state else "unknown",
                "as_of": datetime.now(UTC).date(),
            }
        if state and known and known.target:
            # What was assumed before is no more what it is taken as for.
            found["target"] = state.target
        if tuple(terms.exclude) != (known.exclude if known else ()):
            found["exclude"] = list(terms.exclude)
        return found

    def _take(
        self,
        replays: Replays,
        taken: Incoming,
        asked: Asked,
        learned: dict[int, dict[str, Any]],
        home: Base | None = None,
    ) -> Added:
        """Put what came in into its place in the series, if it has one."""
        sheet = self._sheet
        number = next(iter(learned)) if len(learned) == 1 else None
        if not taken.patches:
            raise self._nothing_to_carry(taken, asked)
        change = Change(self._folder, sheet, replays, self._upstream.project)
        before, behind = self._split(asked)
        there = {patch.name for patch in sheet.patches}
        taken = replace(taken, patches=tuple(_apart(taken.patches, there)))
        found = change.fit(before, taken, home=home)
        lost = next((one for one in found.results if not one.verdict.good), None)
        if lost:
            stopped = self._bench.lay(asked, lost, replays.repo)
            return Added(number, found.results, taken.left_out, {}, stopped=stopped)
        new = [
            read_patch(file.name, file.content)
            for file in rewrite(found, replays.repo, Form.NEW)
            if file
        ]
        if not new:
            return Added(number, found.results, taken.left_out, {})
        hint = "a patch behind the new one has no place any more: leave --after out"
        at = slice(len(before), len(before))
        patches, merged = change.exchange([*before, *behind], at, new, hint)
        made = change.arrange(patches, hint)
        names = tuple(patch.name for patch in new)
        for pr, facts in learned.items():
            own = [patch for patch in new if patch.pr == pr]
            if own and len(own[-1].taken_from) == _FULL:
                facts.setdefault("head", own[-1].taken_from)
            if change.keeps_head(pr, own):
                facts.pop("head", None)
        return Added(
            number,
            (*found.results, *merged),
            taken.left_out,
            change.contents(made, _lines(before, names, made.renamed), learned),
            names,
            tuple(p.name for p in behind if made.files.get(p.name) != p.raw),
        )

    def _nothing_to_carry(self, taken: Incoming, asked: Asked) -> RefusedError:
        if not taken.left_out:
            hint = "upstream may have it already: look at its page"
            return RefusedError("there is no change in it", where=asked.what, hint=hint)
        return RefusedError(
            "it touches only files that are left out",
            where=listed(taken.left_out),
            hint="--all-files takes them",
        )


def _apart(patches: Iterable[Patch], there: set[str]) -> Iterator[Patch]:
    """Yield patches under names that no other has: one's own may be called alike."""
    for patch in patches:
        name, stem = patch.name, patch.name.removesuffix(".patch")
        again = (f"{stem}-{count}.patch" for count in itertools.count(2))
        while name in there:
            name = next(again)
        there.add(name)
        yield replace(patch, name=name)


def _lines(
    before: Sequence[Patch], new: Sequence[str], renamed: Mapping[str, str]
) -> dict[str, str]:
    """Return where new names stand in a series file: behind the last patch before them."""
    if not before:
        return {"": "".join(f"{name}\n" for name in new)}
    last = before[-1].name
    return {last: "\n".join((renamed.get(last, last), *new))}
