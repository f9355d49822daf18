"""What a night saw, and the news: what is other than the night before."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from vpatch.values.errors import VpatchError
from vpatch.values.news import News
from vpatch.values.paths import printable
from vpatch.values.proof import Outcome
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

_SCHEMA = 1
_FOR_PEOPLE = frozenset(
    (
        "broken",
        "closed",
        "conflict",
        "follow-up",
        "misplaced",
        "needed",
        "pushed",
        "retargeted",
        "unproven",
    )
)
"""Kinds of news that want a person."""


_CLOCK = re.compile(r" until [0-9]+:[0-9:]*[0-9]")
"""How the reason of a failure says when it ends."""


@dataclass
class PullSeen:
    """A pull request, as a night saw it."""

    state: str = ""
    head: str = ""
    release: str = ""
    """The first release that has it."""
    follow_ups: list[int] = field(default_factory=list)
    target: str = ""
    """The branch that it is for, where what was taken is another change; else empty."""


@dataclass(frozen=True)
class Noted(News):
    """News, as they are kept."""

    night: str = ""
    """The date of the night that found them."""
    told: bool = field(default=False, compare=False)
    """Whether that night lived to tell them."""

    @property
    def wants_a_person(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.kind in _FOR_PEOPLE


@dataclass
class Seen:
    """What a night saw; empty before the first."""

    releases: list[str] = field(default_factory=list)
    """Those that the index offers, the newest first."""
    tags: list[str] = field(default_factory=list)
    """Releases that have a tag, and that the index lacks as yet."""
    branch: str = ""
    """The name of upstream's branch, empty where it is not known."""
    pulls: dict[int, PullSeen] = field(default_factory=dict)
    verdicts: dict[str, dict[str, str]] = field(default_factory=dict)
    """By base and name of a patch."""
    carried: list[str] = field(default_factory=list)
    """The bases to which the series could be brought."""
    proofs: dict[str, dict[str, str]] = field(default_factory=dict)
    """By base and name of a patch."""
    failures: dict[str, str] = field(default_factory=dict)
    """By what could not be looked at, the reason."""
    news: list[Noted] = field(default_factory=list)
    """The news of the last night that had any, behind those that are not merged yet."""
    since: str = field(default="", compare=False)
    """When this was seen first, in UTC; what was seen later has a later one."""

    @classmethod
    def read(cls, raw: bytes | None, forget: str) -> Seen:
        """Return what was kept.

        Args:
            raw: The file's content; None where there is none.
            forget: How to have the next night begin anew.

        Raises:
            VpatchError: It is damaged, or of another vpatch.
        """
        if raw is None:
            return cls()
        hint = f"{forget}; the next night then tells all that it finds"
        try:
            kept = json.loads(raw)
            if kept["schema"] != _SCHEMA:
                what = "what the last night saw was kept by another vpatch"
                hint = f"take that one, or begin anew: {hint}"
                raise VpatchError(what, where="nightly.json", hint=hint)
            found = cls(**{key: kept[key] for key in kept.keys() - {"schema"}})
            found.pulls = {int(n): PullSeen(**one) for n, one in kept["pulls"].items()}
            found.news = [Noted(**one) for one in kept["news"]]
            if found.since:
                _behind(found.since)
            for kind, by_base in ((Verdict, found.verdicts), (Outcome, found.proofs)):
                for each in by_base.values():
                    for word in each.values():
                        kind(word)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise VpatchError(
                "what the last night saw is damaged", where="nightly.json", hint=hint
            ) from error
        return found

    @classmethod
    def newest(cls, kept: Iterable[bytes], forget: str) -> Seen:
        """Return what was seen last, by whatever machine; among equals what was told.

        Args:
            kept: What was kept, wherever that is.
            forget: How to have the next night begin anew.

        Raises:
            VpatchError: Something is damaged, or of another vpatch.
        """
        found = [cls.read(raw, forget) for raw in kept]
        return max(found, key=lambda seen: (seen.since, seen.is_told), default=cls())

    @property
    def is_told(self) -> bool:
        """Whether all of its news were told."""
        return all(one.told for one in self.news)

    def told(self) -> Seen:
        """Return it as it is when all news were told."""
        return replace(self, news=[replace(one, told=True) for one in self.news])

    def written(self) -> bytes:
        """Return the form that it is kept in: the same for the same, byte for byte."""
        kept: dict[str, Any] = {"schema": _SCHEMA} | asdict(self)
        return (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode()


@dataclass
class Broken:
    """A file of the project that cannot be read."""

    text: str
    """What is told of it."""
    at: int | None = None
    """Where among the news; None where that was told before."""
    hidden: dict[str, None] = field(default_factory=dict)
    """What cannot be looked at for that, in order."""


class Diary:
    """What this night sees, beside what the last one saw.

    Args:
        old: What the last night saw.
        say: Told of what failed, at once.
        night: The date.
        merged: The news in what is checked out.
        report: Keeps the report of a bug, and returns its name; None lets bugs through.
    """

    def __init__(
        self,
        old: Seen,
        say: Callable[[str], None],
        night: str,
        merged: Collection[Noted] = (),
        report: Callable[[Exception], str] | None = None,
    ) -> None:
        self.old = old
        self.new = Seen(old.releases, old.tags, old.branch, proofs=dict(old.proofs))
        self.say = say
        self.night = night
        # Those of a night that was killed when it had kept them are still to be told.
        self.news = [one for one in old.news if not one.told]
        self.has_bugs = False
        """Whether a step ended in one."""
        self._merged = merged
        self._report = report
        self.tree = ""
        """Where the project's files were laid out for the night; no news names it."""
        self._looked: set[str] = set()
        self._broken: dict[str, Broken] = {}

    def tell(self, kind: str, text: str, *, pr: int | None = None, base: str = "") -> None:
        """Note something new."""
        # It goes to terminals, by git's log too, and what is quoted was written by others.
        line = printable(" ".join(self._own(text).split()))
        self.news.append(Noted(kind, line, pr, base, self.night))

    @contextmanager
    def looking_at(self, what: str) -> Iterator[None]:
        """Keep a failure as news, when it begins and when it is over; go on behind it.

        A bug is a failure too: it is not to hide, night after night, what all others found.

        Args:
            what: What is looked at, to be put behind "could not look at".
        """
        try:
            yield
        except VpatchError as error:
            self.failed(what, str(error))
            return
        except Exception as error:
            if self._report is None:
                raise
            self.has_bugs = True
            name = self._report(error)
            see = f", see {name}" if name else ""
            reason = f"a bug in vpatch ({type(error).__name__})"
            self.failed(what, reason, told=f"could not look at {what}: {reason}{see}")
            return
        self._looked.add(what)
        if what in self.old.failures and what not in self.new.failures:
            self.tell("back", f"could look at {what} again")

    def failed(self, what: str, reason: str, *, told: str = "") -> None:
        """Note that something could not be looked at.

        Args:
            what: What it is, every night the same.
            reason: Why.
            told: What people are told of it, where that is more.
        """
        reason = self._own(reason)
        if reason in self._broken:
            self._hide(what, self._broken[reason])
            return
        text = told or f"could not look at {what}: {reason}"
        self.say(text)
        if what not in self.old.failures and what not in self.new.failures:
            self.tell("failure", text)
        # What is another every night would be one more commit every night.
        self.new.failures[what] = _CLOCK.sub("", reason)

    def broken(self, what: str, name: str, error: VpatchError) -> None:
        """Note that a file of the project is broken; what fails by that is told with it.

        Args:
            what: What it is as a failure.
            name: Its path below the project's folder.
            error: Why it cannot be read.
        """
        reason = self._own(str(error))
        why, _, line = reason.rpartition(f": {name}")
        text = f"{name} is broken: {why}{line}"
        self.say(text)
        found = self._broken[reason] = Broken(text)
        if what not in self.old.failures:
            found.at = len(self.news)
            self.tell("broken", text)
        self.new.failures[what] = reason

    def _hide(self, what: str, by: Broken) -> None:
        """Note what cannot be looked at because a file is broken."""
        self.say(f"could not look at {what}: a file of the project is broken")
        self.unasked(what)
        by.hidden[what] = None
        if by.at is not None:
            text = printable(f"{by.text}; hidden by that: {', '.join(by.hidden)}")
            self.news[by.at] = replace(self.news[by.at], text=text)

    def _own(self, text: str) -> str:
        """Return text in which the project's files go by their own paths."""
        return text.replace(f"{self.tree}/", "") if self.tree else text

    def unasked(self, *names: str) -> None:
        """Keep the failures of what nobody could be asked of: they are not over."""
        for what in self.old.failures.keys() & set(names) - self._looked:
            self.new.failures.setdefault(what, self.old.failures[what])

    def close(self) -> None:
        """End the night: keep its news, behind those that are not merged yet.

        A night without any keeps what was kept: a merge alone is no reason to write.
        """
        self.new.news = [*self.before, *self.news] if self.news else self.old.news
        if self.new == self.old:
            self.new.since = self.old.since
            return
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        # A clock that was ahead once, here or elsewhere, makes no later night the older one.
        self.new.since = max(now, _behind(self.old.since)) if self.old.since else now

    @property
    def before(self) -> list[Noted]:
        """The news that were told before and are not merged yet."""
        return [one for one in self.old.news if one.told and one not in self._merged]


def _behind(moment: str) -> str:
    """Return the moment behind another, both in UTC."""
    found = datetime.fromisoformat(moment).replace(tzinfo=UTC) + timedelta(microseconds=1)
    return found.isoformat(timespec="microseconds")
