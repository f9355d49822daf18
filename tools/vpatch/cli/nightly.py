"""``vpatch nightly``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from vpatch.cli import options, show
from vpatch.cli.session import Session, Terminal
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpatch.upkeep.nightly import Diary, Home, Noted
    from vpatch.values.base import Base

_NO_ANSWER = 3
_ROOM = 60_000
"""Characters of Markdown: GitHub takes 65536 for an issue."""
_FOR_PEOPLE = frozenset(
    ("conflict", "misplaced", "pushed", "follow-up", "closed", "unproven", "needed")
)
"""Kinds of news that want a person."""


@click.command("nightly")
@click.option(
    "--bases",
    metavar="A..B",
    help="The bases to look at, as matrix takes them.  [default: the newest 3 releases; main, "
    "if there is a git remote]",
)
@click.option("--python", metavar="PY", help="Run the proofs in this environment.")
@click.option("--push", metavar="REMOTE", help="Push the branch to this git remote.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Where to write the page.  [default: build/report.html]",
)
@click.option(
    "--markdown",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write the news as Markdown too, for an issue.",
)
@click.option(
    "--matrix",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Take the page's matrix from what matrix --merge --json wrote.",
)
@options.json
@click.pass_obj
def command(
    session: Session,
    bases: str | None,
    python: str | None,
    push: str | None,
    html: str | None,
    markdown: str | None,
    matrix: str | None,
    *,
    as_json: bool,
) -> int:
    r"""Look at upstream, do all that is safe, and say only what changed since the last night.

    New releases, new commits, pushes to pull requests, merges, follow-ups; then the series on
    the newest bases, brought there where every patch has its place; PATCHES.md and the page.
    The result is one commit on the branch vpatch/nightly, on what is checked out; your files
    stay as they are. Exit status: 0 nothing wants a person, 1 something new does, 3 something
    could not be looked at.

    \b
    Examples:
      vpatch nightly
      vpatch nightly --bases v0.32.0..,main --python build/env-v0.33.0
      vpatch nightly --push origin --markdown news.md --json
    """
    from vpatch.doors.files import lock  # noqa: PLC0415, lazy

    with lock(session.root / "build" / ".nightly.lock", waiting=_busy):
        night = _Night(session, push or "")
        found = night.look(bases, python)
        page = Path(html) if html else session.root / "build" / "report.html"
        night.draw(found, page, matrix)
        night.keep()
        if as_json:
            show.print_json(night.as_json(page, proofs=python is not None))
        else:
            night.print(page, proofs=python is not None)
        night.told()
    if markdown:
        from vpatch.doors import files  # noqa: PLC0415, lazy

        files.write(Path(markdown), _markdown(night.diary, session.project).encode())
    return night.status


def _busy(_line: str) -> NoReturn:
    hint = "wait for it; this one did nothing"
    raise VpatchError("another night is at work in this folder", hint=hint)


def _clear(place: Path) -> None:
    """Take away the tree of a night; what a link in its place leads to is none of it."""
    from vpatch.doors.files import explained  # noqa: PLC0415, lazy

    with explained(place, "delete"):
        if place.is_symlink():
            place.unlink()
        elif place.exists():
            shutil.rmtree(place)


class _Night:
    """One night, from its beginning to what is told of it."""

    def __init__(self, session: Session, remote: str) -> None:
        from datetime import datetime  # noqa: PLC0415, lazy

        from vpatch.upkeep.nightly import Diary, Seen, home_of  # noqa: PLC0415, lazy

        self._session = session
        self._say = Terminal().say
        self._home: Home = home_of(session.root, self._say, remote)
        self._now = datetime.now().astimezone()
        old, merged = Seen.newest(self._home.states()), Seen.read(self._home.merged())
        self.diary: Diary = Diary(old, self._say, f"{self._now:%Y-%m-%d}", merged.news)
        self._place = session.root / "build" / "nightly"
        _clear(self._place)
        self._root = self._home.lay(self._place)
        # A session on the tree of the night; who upstream is, the user's own files say.
        url = session.config.upstream.url
        self._inner = Session(str(self._root), url, verbose=session.verbose)
        self._commit = ""
        self._pushed = False
        self._unpushed: VpatchError | None = None

    def look(self, asked: str | None, python: str | None) -> list[Base]:
        """Go through the steps; what fails in one hides no other."""
        from vpatch.doors import files  # noqa: PLC0415, lazy
        from vpatch.upkeep import nightly  # noqa: PLC0415, lazy
        from vpatch.upkeep.check import page, page_of  # noqa: PLC0415, lazy

        inner, diary = self._inner, self.diary
        folder, upstream = inner.folder, inner.upstream
        remote = upstream.pulls is not None
        found = nightly.find_bases(inner.bases, asked, diary, remote=remote)
        outlook = self._session.outlook
        nightly.look_at_pulls(folder, inner.bases, upstream, outlook, diary)
        nightly.compare(folder, inner.replays, found, diary)
        nightly.carry(folder, inner.replays, found, self._session.call, diary)
        if python is not None:
            self._prove(python)
        with diary.looking_at("PATCHES.md"):
            files.write(page_of(folder), page(folder, inner.project))
        return found

    def _prove(self, python: str) -> None:
        from vpatch.cli.smoke import prove_all  # noqa: PLC0415, lazy
        from vpatch.upkeep.nightly.proofs import tell_proofs  # noqa: PLC0415, lazy

        with self.diary.looking_at("the proofs"):
            base, proofs = prove_all(self._inner, python, self._session.proofs)
            tell_proofs(base, proofs, self.diary)

    def draw(self, found: Sequence[Base], path: Path, matrix: str | None) -> None:
        """Write the page, with tonight's news, or those of a run before on the same day."""
        from vpatch.cli.matrix import made, must_answer  # noqa: PLC0415, lazy
        from vpatch.doors import files  # noqa: PLC0415, lazy
        from vpatch.upkeep.report import gather, render  # noqa: PLC0415, lazy
        from vpatch.values.matrix import read_part  # noqa: PLC0415, lazy

        inner, diary = self._inner, self.diary
        with diary.looking_at("the page"):
            if matrix:
                whole = read_part(files.read_text(Path(matrix)), show.SCHEMA, where=matrix)
            else:
                there = dict.fromkeys(b.name for b in [*inner.bases.releases(), *found])
                self._say("replaying the series on all releases at hand, for the page")
                whole = made(inner, ",".join(there), None)
            must_answer(whole)
            self._say(f"writing {path}")
            with inner.replays() as replays:
                page = gather(replays, inner.folder, whole, self._session.proofs)
            diary.close()
            news = [one for one in diary.new.news if one.night == diary.night or not one.told]
            text = render(page, project=inner.project, made=self._now, news=news)
            files.write(path, text.encode())
        diary.close()

    def keep(self) -> None:
        """Commit, then push; the news is told behind that."""
        diary, seen = self.diary, self.diary.new
        lines = [one.text for one in [*diary.before, *diary.news]]
        kept, told = seen.written(), seen.told().written()
        self._commit = self._home.keep(self._root, kept, told, lines)
        _clear(self._place)
        try:
            self._pushed = self._home.push()
        except VpatchError as error:
            self._unpushed = error

    def told(self) -> None:
        """Keep that the news were told: until then, the next night tells them."""
        self._home.told()

    @property
    def status(self) -> int:
        """The exit status."""
        if self.diary.new.failures or self._unpushed:
            return _NO_ANSWER
        return 1 if any(one.kind in _FOR_PEOPLE for one in self.diary.news) else 0

    def as_json(self, page: Path, *, proofs: bool) -> dict[str, Any]:
        """Return the answer for programs."""
        from vpatch.upkeep.nightly import BRANCH  # noqa: PLC0415, lazy

        return {
            "news": [_as_json(one) for one in self.diary.news],
            "before": [_as_json(one) for one in self.diary.before],
            "failures": self.diary.new.failures,
            "release": next(iter(self.diary.new.releases), None),
            "branch": BRANCH if self._commit else None,
            "commit": self._commit or None,
            "pushed": self._pushed,
            "proofs": proofs,
            "page": str(page),
            "ok": not self.status,
        }

    def print(self, page: Path, *, proofs: bool) -> None:
        """Print the news, then where the rest is."""
        from vpatch.upkeep.nightly import BRANCH  # noqa: PLC0415, lazy

        for one in self.diary.news:
            show.print_note(one.text)
        if not self.diary.news:
            click.echo("nothing new")
        click.echo()
        if self._commit:
            line = f"{BRANCH} is at {self._commit[:12]}: git diff HEAD...{BRANCH}"
            show.print_note(line)
        show.echo(f"the page is {page}")
        if not proofs:
            click.echo("the proofs were not run: --python PY runs them")
        if self._unpushed:
            show.echo(f"error: {self._unpushed}", err=True)
            show.echo(f"hint: {self._unpushed.hint}", err=True)


def _as_json(one: Noted) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415, lazy

    found = asdict(one) | {"wants_a_person": one.kind in _FOR_PEOPLE}
    del found["told"]
    return found


def _markdown(diary: Diary, project: str) -> str:
    """Return the news for an issue, as much as one holds."""
    parts = {
        "Wants a person": [one for one in diary.news if one.kind in _FOR_PEOPLE],
        "What else is new": [one for one in diary.news if one.kind not in _FOR_PEOPLE],
        "Told before, not merged yet": list(diary.before),
    }
    text, left_out = "" if diary.news else "Nothing new.\n\n", 0
    for title, news in parts.items():
        text += f"### {title}\n\n" if news else ""
        for one in news:
            line = _entry(one, project)
            fits = len(text) + len(line) < _ROOM
            text += line if fits else ""
            left_out += not fits
        text += "\n" if news else ""
    return f"{text}And {left_out} more.\n" if left_out else text


def _entry(one: Noted, project: str) -> str:
    """Return one of the news as a list's entry, the words of strangers inert."""
    from vpatch.upkeep.overview import code, link  # noqa: PLC0415, lazy

    # GitHub takes an escaped "@name" and "#5" for live ones, and leaves code alone.
    said = one.text.removeprefix(f"#{one.pr}").lstrip(": ")
    named = f"{link(one.pr, project)} " if said != one.text else ""
    return f"- {named}{code(said)}\n"
