"""What one run of the command line works with, and how it shows progress."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vpatch.cli import show
from vpatch.cli.progress import Bar, Line
from vpatch.cli.pulse import PULSE
from vpatch.values.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpatch.doors.git import Repo
    from vpatch.doors.index import Index, Tracker
    from vpatch.jobs.bases import Bases
    from vpatch.jobs.checkout import Checkout
    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.replays import Replays
    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.base import Base
    from vpatch.values.config import Config
    from vpatch.values.facts import Held, Landmark, PullRequest
    from vpatch.values.series import Series
    from vpatch.values.verdict import Replay


def cache_folder() -> Path:
    """Return the folder for the store and downloads."""
    if named := os.environ.get("VPATCH_CACHE_DIR"):
        return Path(named).absolute()
    import platformdirs  # noqa: PLC0415, lazy

    return Path(platformdirs.user_cache_dir("vpatch", appauthor=False))


def log_file(cache: Path, text: str) -> Path | None:
    """Keep the report of a bug, in the cache or, if that can't be written, elsewhere."""
    for folder in (cache / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(".txt", "vpatch-", folder)
        except OSError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        return Path(name)
    return None


class Asked(NamedTuple):
    """The series and the base that a call is about."""

    base: Base
    name: str
    """Name of the series."""
    series: Series


class Ready(NamedTuple):
    """A replay, where its objects are, and what was found of upstream on the way."""

    replay: Replay
    made: Repo
    landmarks: dict[Landmark, Held]
    again: Callable[[Series], Replay]
    """Puts another series onto the same base."""


class Session:
    """One run: its folder, its bases, and where it talks to people.

    Args:
        directory: The folder that holds ``patches/``.
        upstream: A git remote that overrides the project's.
        verbose: Whether git's own words are shown.
    """

    def __init__(self, directory: str, upstream: str, *, verbose: bool) -> None:
        self.root = Path(directory)
        self.verbose = verbose
        self._upstream = self._named = upstream
        if not self.root.is_dir():
            raise BadInputError("no such folder", where=directory, hint="look at -C")

    @cached_property
    def folder(self) -> Folder:
        """The project's folder."""
        from vpatch.jobs.changeset import Changeset  # noqa: PLC0415, lazy
        from vpatch.jobs.folder import Folder  # noqa: PLC0415, lazy

        Changeset(self.root, Terminal().say).recover()
        return Folder(self.root)

    @cached_property
    def config(self) -> Config:
        """The project's settings, with those of this call."""
        from dataclasses import replace  # noqa: PLC0415, lazy

        config = self.folder.config()
        url = self._upstream or config.upstream.url
        if url and not self._upstream and (self.root / url).is_dir():
            # A path in vpatch.toml is read from the folder that the file lies in.
            url = str((self.root / url).absolute())
        return replace(config, upstream=replace(config.upstream, url=url))

    @cached_property
    def facts(self) -> dict[int, PullRequest]:
        """What is known of each pull request."""
        return self.folder.facts()

    @cached_property
    def bases(self) -> Bases:
        """The bases at hand, and the way to more."""
        from vpatch.jobs.bases import Bases  # noqa: PLC0415, lazy

        return Bases(cache_folder(), self.config.upstream, self._open_index, Terminal())

    def _open_index(self) -> Index:
        from vpatch.doors.index import Index, pip_settings  # noqa: PLC0415, lazy

        return Index(self.config.upstream.package, pip_settings())

    @property
    def project(self) -> str:
        """Address of the upstream project, for links."""
        from vpatch.jobs.bases.remote import shown  # noqa: PLC0415, lazy
        from vpatch.values.project import project_at  # noqa: PLC0415, lazy

        url = self.config.upstream.url
        found = project_at(url)
        if found and found.on_github:
            return found.page
        # A mirror's pull requests are vLLM's own; another project is where its remote is.
        own = shown(url).removesuffix(".git") if self.config.upstream.package != "vllm" else ""
        return own or "https://github.com/vllm-project/vllm"

    def look_at(self, page: str) -> None:
        """Take the project that the user named for upstream, where none is configured.

        Raises:
            BadInputError: Another one is.
        """
        from vpatch.values.project import project_at  # noqa: PLC0415, lazy

        url = self.config.upstream.url
        if not url:
            self._upstream = page
            del self.config
            return
        meant = project_at(page)
        if meant is None or meant not in (project_at(url), project_at(self.project)):
            hint = f"--upstream {page} takes it from there"
            raise BadInputError(f"this is no {self.project}", where=page, hint=hint)

    @cached_property
    def upstream(self) -> Upstream:
        """Who can be asked of pull requests."""
        from vpatch.doors.github import Api, GitHub, token_for  # noqa: PLC0415, lazy
        from vpatch.jobs.bases.pulls import Pulls  # noqa: PLC0415, lazy
        from vpatch.upkeep.upstream import Upstream  # noqa: PLC0415, lazy
        from vpatch.values.project import project_at  # noqa: PLC0415, lazy

        url, terminal = self.config.upstream.url, Terminal()
        here = project_at(url or self.project)
        github = None
        if api := self.config.upstream.api or (here.api if here else ""):
            kept = cache_folder() / "github"
            github = GitHub(Api(api, token_for(api), kept, terminal.say))
        pulls = Pulls(cache_folder(), url, terminal) if url else None
        return Upstream(self.project, pulls, github, terminal.say)

    @property
    def outlook(self) -> Path:
        """Return the file that keeps what the last look at upstream showed."""
        return self.root / "build" / "outlook.json"

    @property
    def call(self) -> str:
        """How this command is called, to be typed again."""
        import shlex  # noqa: PLC0415, lazy

        from vpatch.jobs.bases.remote import shown  # noqa: PLC0415, lazy

        root = str(self.root)
        call = "vpatch" if root == "." else f"vpatch -C {shlex.quote(root)}"
        return f"{call} --upstream {shlex.quote(shown(self._named))}" if self._named else call

    # What a call is about

    def managed(self, base: str) -> Path:
        """Return the path of the checkout that vpatch keeps for a base."""
        # A branch's name may have slashes; the folder is one all the same.
        return self.root / "build" / f"vllm-{base.replace('/', '-')}"

    def serving(self, base: Base, series: str | None, upto: str | None = None) -> Asked:
        """Find the series for a base."""
        name = series or self.folder.serving(base.name)
        patches = self.folder.series(name)
        if upto:
            patches = patches.upto(patch_named(patches, upto))
        return Asked(base, name, patches)

    def usual_base(self) -> str:
        """Return the base where none is named: applied last, else configured, else newest."""
        from vpatch.jobs.checkout import Applied  # noqa: PLC0415, lazy

        notes = self.root.glob("build/vllm-*/.git/vpatch/applied.json")
        last = max(notes, key=lambda path: path.stat().st_mtime, default=None)
        if last and (applied := Applied.at(last)):
            return applied.base.name
        return self.config.base or self.folder.newest()

    @contextmanager
    def replays(self, target: Checkout | None = None) -> Iterator[Replays]:
        """Open a place for replays; what is made is there until the context ends."""
        from vpatch.upkeep.replays import opened  # noqa: PLC0415, lazy

        borrowed = [target.repo.objects] if target else []
        said, solved = Terminal().say, self.folder.all_resolutions
        with opened(self.bases, self.facts, said, *borrowed, resolutions=solved) as replays:
            yield replays

    @contextmanager
    def replayed(self, asked: Asked, target: Checkout | None = None) -> Iterator[Ready]:
        """Replay a series; what is made is there until the context ends."""
        with self.replays(target) as replays:

            def again(series: Series) -> Replay:
                return replays.replay(series, asked.base)

            found = replays.replay(asked.series, asked.base)
            yield Ready(found, replays.repo, replays.landmarks(asked.base), again)


def patch_named(series: Series, name: str) -> str:
    """Return the file name of the patch that a user means; of several, the last.

    Raises:
        BadInputError: There is none.
    """
    return patches_named(series, name)[-1]


def patches_named(series: Series, name: str) -> list[str]:
    """Return the file names of the patches that a user means: a pull request may be in parts.

    Args:
        series: The series.
        name: ``33303``, ``#33303``, its address, or a file name.

    Raises:
        BadInputError: There is none.
    """
    from vpatch.values.project import pull_named  # noqa: PLC0415, lazy

    pull = pull_named(name)
    found = [
        patch.name
        for patch in series.patches
        if patch.name == name or (pull and patch.pr == pull.number)
    ]
    if not found:
        there = ", ".join(f"#{p.pr}" if p.pr else p.name for p in series.patches)
        hint = f"the series has {there}" if there else "the series is empty"
        raise BadInputError("no such patch", where=name, hint=hint)
    return found


class Terminal:
    """Tells people on standard error of long work."""

    def __init__(self) -> None:
        self._tracked: Bar | Line = Line(None)

    def say(self, line: str) -> None:
        """Write a line."""
        PULSE.said(line)
        show.echo(line, err=True)

    def track(self, what: str, total: int | None) -> Tracker:
        """Show a bar on a terminal, a line elsewhere."""
        if sys.stderr.isatty():
            self._tracked = Bar(what, total)
        else:
            self.say(what)
            self._tracked = Line(total)
        return self._tracked

    def note(self, words: str) -> None:
        """Tell how far the job is that was said or tracked last."""
        self._tracked.note(words)
