"""What a night saw, and the news: what is other than the night before."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from vpatch.values.errors import VpatchError
from vpatch.values.news import News
from vpatch.values.paths import printable
from vpatch.values.proof import Outcome
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class PullSeen:
    """A pull request, as a night saw it."""

    state: str = ""
    head: str = ""
    release: str = ""
    """The first release that has it."""
    follow_ups: list[int] = field(default_factory=list)


@dataclass
class Seen:
    """What a night saw; empty before the first."""

    release: str = ""
    """The newest release."""
    pulls: dict[int, PullSeen] = field(default_factory=dict)
    verdicts: dict[str, dict[str, str]] = field(default_factory=dict)
    """By base and name of a patch."""
    carried: list[str] = field(default_factory=list)
    """The bases to which the series could be brought."""
    proofs: dict[str, dict[str, str]] = field(default_factory=dict)
    """By base and name of a patch."""
    failures: dict[str, str] = field(default_factory=dict)
    """By what could not be looked at, the reason."""
    news: list[News] = field(default_factory=list)
    """The news of the last night that had any."""
    night: str = ""
    """The date of that night."""

    @classmethod
    def read(cls, raw: bytes | None) -> Seen:
        """Return what was kept.

        Args:
            raw: The file's content; None where there is none.

        Raises:
            VpatchError: It is damaged, or of another vpatch.
        """
        if raw is None:
            return cls()
        try:
            kept = json.loads(raw)
            found = cls(**{key: kept[key] for key in kept.keys() - {"schema"}})
            found.pulls = {int(n): PullSeen(**one) for n, one in kept["pulls"].items()}
            found.news = [News(**one) for one in kept["news"]]
            for kind, by_base in ((Verdict, found.verdicts), (Outcome, found.proofs)):
                for each in by_base.values():
                    for word in each.values():
                        kind(word)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = (
                "delete it, and the branch vpatch/nightly if there is one; "
                "the next night then tells all that it finds"
            )
            raise VpatchError(
                "what the last night saw is damaged", where="nightly.json", hint=hint
            ) from error
        return found

    def written(self) -> bytes:
        """Return the form that it is kept in: the same for the same, byte for byte."""
        kept: dict[str, Any] = {"schema": 1} | asdict(self)
        return (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode()


class Diary:
    """What this night sees, beside what the last one saw.

    Args:
        old: What the last night saw.
        say: Told of what failed, at once.
    """

    def __init__(self, old: Seen, say: Callable[[str], None]) -> None:
        self.old = old
        self.new = Seen(release=old.release)
        self.news: list[News] = []
        self.say = say

    def tell(self, kind: str, text: str, *, pr: int | None = None, base: str = "") -> None:
        """Note something new."""
        # It goes to terminals, by git's log too, and what is quoted was written by others.
        self.news.append(News(kind, printable(" ".join(text.split())), pr, base))

    @contextmanager
    def looking_at(self, what: str) -> Iterator[None]:
        """Keep a failure as news, when it begins and when it is over; go on behind it.

        Args:
            what: What is looked at, to be put behind "could not look at".
        """
        try:
            yield
        except VpatchError as error:
            self.failed(what, str(error))
            return
        if what in self.old.failures and what not in self.new.failures:
            self.tell("back", f"could look at {what} again")

    def failed(self, what: str, reason: str) -> None:
        """Note that something could not be looked at."""
        text = f"could not look at {what}: {reason}"
        self.say(text)
        if what not in self.old.failures and what not in self.new.failures:
            self.tell("failure", text)
        self.new.failures[what] = reason

    def close(self, night: str) -> None:
        """End the night: keep its news, or, where it has none, those that were told last."""
        if self.news:
            self.new.news, self.new.night = self.news, night
        else:
            self.new.news, self.new.night = self.old.news, self.old.night
