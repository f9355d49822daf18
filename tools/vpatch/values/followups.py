"""What may have fixed, replaced or reverted a pull request, by what people wrote of it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vpatch.values.mail import title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vpatch.values.pull import Remark

# The strongest first. Each says what the other one does to the pull request in question.
_RELATIONS = (
    (
        "brings it back",
        # Who reverts something may say that it is to land again.
        re.compile(
            r"^(?:(?!\brevert).)*\bre-?(?:land|appl(?:y|ie)|instat)|\brevert\W+revert",
            re.IGNORECASE,
        ),
    ),
    ("reverts it", re.compile(r"\brevert", re.IGNORECASE)),
    (
        "replaces it",
        re.compile(
            r"supersed|replac|in favou?r of|\binstead\b|duplicate|obsolete|\bclosing\b"
            r"|\blanded\b|merged (?:as|in|via|with)\b",
            re.IGNORECASE,
        ),
    ),
    ("fixes it", re.compile(r"\bfix|\bregress|\bbroke|\brepair|\bresolv", re.IGNORECASE)),
    ("follows it up", re.compile(r"follow|on top of|\bcontinu|\bafter\b", re.IGNORECASE)),
    ("mentions it", re.compile("")),
)
_STRENGTH = {name: rank for rank, (name, _) in enumerate(_RELATIONS)}
_MENTIONS = _RELATIONS[-1][0]
# As GitHub reads them: a bare number is one of the own project's.
_REFERENCE = re.compile(
    r"(?:(?P<page>https?://[^\s/]+/[\w.-]+/[\w.-]+)/pull/"
    r"|(?<![\w./-])(?P<name>[\w.-]+/[\w.-]+)?#)(?P<number>[1-9][0-9]{0,8})\b"
)
_SENTENCES = re.compile(r"(?<=[.!?;])\s+|[\r\n]+")
_CLAUSES = re.compile(r"[,;()]|\s(?:and|but|then)\s")
_BY_THE_WAY = re.compile(r"\b(?:see|cc|cf|unlike|like|related)\b", re.IGNORECASE)
_FILLERS = {"also", "or", "plus", "both", "by", "in", "with", "pr", "prs"}
"""Words that a list of numbers may have between them."""
_COMMIT = re.compile(r"\b[0-9a-f]{10,40}\b")
_LONGEST = 160
"""Characters of a sentence that are quoted."""
STRONGEST = 5
"""Candidates that people are shown: a comment can name any number of them."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pull request that may follow another one up; a person decides."""

    pr: int
    title: str
    relation: str
    """What it seems to do to the other one, as ``fixes it``."""
    said: str
    """The sentence that says so."""

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``refresh`` and ``status``."""
        return asdict(self)


def candidates(
    number: int, merged_as: str, remarks: Iterable[Remark], project: str
) -> list[Candidate]:
    """Return what may follow a pull request up, one entry each, the strongest word first.

    Args:
        number: The pull request in question.
        merged_as: The commit by which it was merged, empty where it was not.
        remarks: What people wrote.
        project: Address of the project's page.
    """
    return strongest(
        found for remark in remarks for found in _of_remark(number, merged_as, remark, project)
    )


def strongest(found: Iterable[Candidate]) -> list[Candidate]:
    """Return the strongest entry of each pull request, the strongest word first."""
    best: dict[int, Candidate] = {}
    for one in found:
        known = best.get(one.pr)
        if known is None or _rank(one) < _rank(known):
            best[one.pr] = one
    return sorted(best.values(), key=lambda one: (_rank(one), one.pr))


def _rank(one: Candidate) -> int:
    # What was kept by another vpatch may have a word of its own.
    return _STRENGTH.get(one.relation, len(_STRENGTH))


def _of_remark(
    number: int, merged_as: str, remark: Remark, project: str
) -> Iterator[Candidate]:
    for line in _SENTENCES.split(f"{remark.title}\n{remark.text}"):
        named = set(_named(line, project))
        relation = _relation(line)
        said = title_of(line)
        said = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
        if remark.by is None:
            # In a thread of its own, many numbers fall that lead nowhere.
            for clause, each in _said_in(line):
                if each != _MENTIONS:
                    others = set(_named(clause, project)) - {number}
                    yield from (Candidate(pr, "", each, said) for pr in others)
        elif (
            remark.by != number
            and (number in named or _names(line, merged_as))
            and (remark.merged or relation != _MENTIONS)
        ):
            yield Candidate(remark.by, title_of(remark.title), relation, said)


def _relation(text: str) -> str:
    return next(name for name, words in _RELATIONS if words.search(text))


def _said_in(line: str) -> Iterator[tuple[str, str]]:
    """Yield the clauses of a sentence, and what each says of the numbers in it.

    A clause without a word of its own takes that of the one before, if it goes on with its
    numbers, or if no number had one yet: "closing, see #7".
    """
    whole, before, told = _relation(line), "", False
    for clause in _CLAUSES.split(line):
        own = _relation(clause)
        if own != _MENTIONS:
            before = own
        elif before and (not told or _is_list(clause)):
            own = before
        elif not before and not _BY_THE_WAY.search(clause):
            own = whole
        told = told or (own != _MENTIONS and bool(_REFERENCE.search(clause)))
        yield clause, own


def _is_list(clause: str) -> bool:
    """Whether a clause is numbers alone."""
    return set(re.findall(r"[a-z]+", _REFERENCE.sub("", clause).lower())) <= _FILLERS


def _named(line: str, project: str) -> Iterator[int]:
    """Yield the pull requests of the project that a line names."""
    own = project.lower()
    for found in _REFERENCE.finditer(line):
        page, name = (found["page"] or own).lower(), f"/{found['name'] or ''}".lower()
        if page == own and (own.endswith(name) or name == "/"):
            yield int(found["number"])


def _names(line: str, commit: str) -> bool:
    """Whether a line names a commit, by ten digits of its id at least."""
    return bool(commit) and any(commit.startswith(found) for found in _COMMIT.findall(line))
