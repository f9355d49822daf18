"""A project's folder: its series, the facts on their pull requests, its settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.values.base import Base, canonical, nearest_lower, version_of
from vpatch.values.config import Config, read_config
from vpatch.values.errors import BadInputError, FormatError
from vpatch.values.facts import PullRequest, read_facts
from vpatch.values.patch import Patch, read_patch
from vpatch.values.resolution import Resolution, read_resolution
from vpatch.values.series import Series, SeriesFile, read_series
from vpatch.values.shown import Proofs, read_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpatch.values.series import Entry


class Folder:
    """The folder that holds ``patches/``.

    Args:
        root: The folder; paths in messages are relative to where the user is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.patches = root / "patches"
        self.smoke = self.patches / "smoke"
        self.record = self.smoke / "proofs.json"
        """What the proofs showed."""
        self.resolutions = self.patches / "resolutions"

    def config(self) -> Config:
        """Return the project's settings, the defaults where it has no ``vpatch.toml``."""
        path = self.root / "vpatch.toml"
        if not path.exists():
            return Config()
        return read_config(files.read_text(path), where=str(path))

    def facts(self) -> dict[int, PullRequest]:
        """Return what is known of each pull request."""
        path = self.patches / "upstream.toml"
        return read_facts(files.read_text(path), where=str(path)) if path.exists() else {}

    def proofs(self) -> Proofs:
        """Return the proofs, and what they showed.

        Raises:
            FormatError: The record of what they showed is damaged.
        """
        shared = self.smoke / "conftest.py"
        common = files.read(shared) if shared.is_file() else b""
        tests = {
            int(number): files.read(path) + common
            for path in sorted(self.smoke.glob("test_pr*.py"))
            if (number := path.stem.removeprefix("test_pr")).isdecimal()
        }
        if not self.record.exists():
            return Proofs(tests)
        return Proofs(tests, read_shown(files.read_text(self.record), where=str(self.record)))

    def names(self) -> list[str]:
        """Return the names of the series, releases in order, then the others.

        Raises:
            BadInputError: There is no folder of patches.
        """
        if not self.patches.is_dir():
            raise BadInputError(
                "no patches folder",
                where=str(self.patches),
                hint="run vpatch in the folder that holds patches/, or name it with -C DIR",
            )
        return in_order(path.parent.name for path in self.patches.glob("*/series"))

    def newest(self) -> str:
        """Return the name of the newest series.

        Raises:
            BadInputError: There is none.
        """
        names = self.names()
        found = nearest_lower("", names) or (names[-1] if names else None)
        if found is None:
            raise self._no_series("no series in this folder")
        return found

    def oldest(self) -> str:
        """Return the name of the oldest series.

        Raises:
            BadInputError: There is none.
        """
        return next(iter(self.names()), None) or self.newest()

    def serving(self, base: str) -> str:
        """Return the name of the series for a base: its own, else the nearest lower release's.

        Raises:
            BadInputError: There is none.
        """
        names = self.names()
        if canonical(base) in names:
            return canonical(base)
        found = nearest_lower(base, names)
        if found is None:
            raise self._no_series(f"no series for {base}, nor for a release below it")
        return found

    def _no_series(self, what: str) -> BadInputError:
        there = ", ".join(self.names()) or "none"
        return BadInputError(
            what,
            where=str(self.patches),
            hint=f"a series is a file patches/<base>/series; there are: {there}. "
            "--series NAME takes one for any base",
        )

    def path_of(self, name: str) -> Path:
        """Return the path of a series file.

        Raises:
            BadInputError: There is none of that name.
        """
        path = self.patches / canonical(name) / "series"
        if not path.exists() or Path(name).name != name:
            raise self._no_series(f"no series {name}")
        return path

    def series_file(self, name: str) -> SeriesFile:
        """Return a series file as it stands."""
        path = self.path_of(name)
        return read_series(files.read_text(path), where=str(path))

    def series(self, name: str) -> Series:
        """Return a series with its patches.

        Raises:
            FormatError: A line names a file that is not there, or one twice, or a patch is
                broken.
        """
        path = self.path_of(name)
        found = self.series_file(name)
        seen: set[str] = set()
        patches: list[Patch] = []
        for entry in found.entries:
            if entry.name in seen:
                raise FormatError(f"{entry.name} stands twice", where=str(path))
            seen.add(entry.name)
            patches.append(self.patch(path, entry))
        label, commit = found.base or (canonical(name), "")
        return Series(Base(label, commit, ""), tuple(patches))

    def patch(self, series: Path, entry: Entry) -> Patch:
        """Return the patch that a line of a series file names.

        Raises:
            FormatError: It is not there, or broken.
        """
        path = series.parent / entry.name
        if not path.is_file():
            raise FormatError(
                f"no patch file {entry.name}",
                where=str(series),
                hint="take the line out, or put the file beside it",
            )
        try:
            return read_patch(entry.name, files.read(path), strip=entry.strip)
        except FormatError as error:
            error.where = error.where.replace(entry.name, str(path), 1)
            raise

    def changed(self, contents: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
        """Return of files as they are to be, by their paths, those that are not so yet."""

        def now(path: str) -> bytes | None:
            place = self.root / path
            return files.read(place) if place.is_file() else None

        return {path: new for path, new in contents.items() if new != now(path)}

    def resolution_files(self) -> list[Path]:
        """Return the paths of all kept resolutions, by name."""
        return sorted(self.resolutions.glob("*.patch"))

    def all_resolutions(self) -> list[Resolution]:
        """Return every resolution that is kept.

        Raises:
            FormatError: One is broken.
        """
        return [self.resolution(path) for path in self.resolution_files()]

    def resolution(self, path: Path) -> Resolution:
        """Return a resolution that is kept.

        Raises:
            FormatError: The file is broken.
        """
        try:
            return read_resolution(path.name, files.read(path))
        except FormatError as error:
            error.where = error.where.replace(path.name, str(path), 1)
            raise


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of series, releases in their order, then the others."""
    found = sorted(names)
    releases = {name: version for name in found if (version := version_of(name))}
    others = [name for name in found if name not in releases]
    return [*sorted(releases, key=lambda name: releases[name]), *others]
