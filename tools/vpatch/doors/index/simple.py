"""The releases of a project, and their files, by the index's "simple" API (PEP 503, PEP 691).

The index, its certificate and its proxy are those that pip is set up with (pip's manual,
"Configuration Files"); without any, pypi-simple's default.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from packaging.version import InvalidVersion, Version
from pypi_simple import (
    PYPI_SIMPLE_ENDPOINT,
    DigestMismatchError,
    DistributionPackage,
    NoSuchProjectError,
    ProjectPage,
    PyPISimple,
    UnexpectedRepoVersionWarning,
    UnsupportedRepoVersionError,
)
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from vpatch.doors.index.waiting import PACE, Paced, within
from vpatch.values.errors import DownError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from vpatch.doors.index.waiting import Pace, Tracker

_TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and between two pieces of an answer."""
_WHOLE = 60.0
"""Seconds for the whole list of a project's files."""
_SETTINGS = ("index-url", "cert", "proxy", "no-index")


@dataclass(frozen=True, slots=True)
class Archive:
    """A file of a release: its source distribution, or a wheel."""

    version: Version
    filename: str
    sha256: str
    size: int | None
    """Bytes, None where the index does not tell."""
    package: DistributionPackage
    """What pypi-simple needs to download it."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the index lists, newest first."""

    archives: dict[Version, Archive]
    wheels: dict[Version, list[Archive]]
    versions: list[Version]
    offered: list[Version]
    """Those of which not every file was withdrawn (PEP 592, "yanked")."""


class Index:
    """A Python package index.

    Args:
        project: The distribution's name there.
        settings: pip's settings, see `pip_settings`.
        pace: The least that a download brings.
        whole: Seconds for the whole list of the project's files.
    """

    def __init__(
        self,
        project: str,
        settings: Mapping[str, str],
        pace: Pace = PACE,
        whole: float = _WHOLE,
    ) -> None:
        if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
            hint = "take --no-index out of pip's configuration, or use --upstream URL"
            raise VpatchError("pip is set up to use no index", hint=hint)
        session = requests.Session()
        # Connecting is tried again; waiting for an answer was long enough.
        retry = Retry(2, read=0, backoff_factor=0.5)
        session.mount("https://", HTTPAdapter(max_retries=retry))
        if "cert" in settings:
            session.verify = settings["cert"]
        if "proxy" in settings:
            session.proxies = dict.fromkeys(("http", "https"), settings["proxy"])
        self.project = project
        self._pace, self._whole = pace, whole
        self._down: VpatchError | None = None
        self._client = PyPISimple(
            settings.get("index-url", PYPI_SIMPLE_ENDPOINT), session=session
        )
        self._listed: _Listed | None = None

    def archives(self) -> dict[Version, Archive]:
        """Return the source distribution of every release that has one, newest first.

        Raises:
            VpatchError: The index can't be reached, or does not know the project.
        """
        return self._page().archives

    def wheels(self) -> dict[Version, list[Archive]]:
        """Return the wheels of every release that has some."""
        return self._page().wheels

    def versions(self) -> list[Version]:
        """Return every release, with or without a source distribution, newest first."""
        return self._page().versions

    def latest(self) -> Version:
        """Return the newest release that is no pre-release and was not withdrawn."""
        if final := self.offered():
            return final[0]
        raise VpatchError("the index has no release", where=self.project)

    def offered(self) -> list[Version]:
        """Return the releases that are no pre-releases and were not withdrawn, newest first."""
        return [version for version in self._page().offered if not version.is_prerelease]

    def _page(self) -> _Listed:
        if self._listed is None:
            archives: dict[Version, Archive] = {}
            wheels: dict[Version, list[Archive]] = {}
            versions: dict[Version, bool] = {}
            for package in self._packages():
                version = _version(package)
                if version is None:
                    continue
                offered = versions.get(version, False) or not package.is_yanked
                versions[version] = offered
                if package.package_type == "sdist" and package.filename.endswith(".tar.gz"):
                    archives[version] = _archive(version, package)
                elif package.package_type == "wheel" and "/" not in package.filename:
                    wheels.setdefault(version, []).append(_archive(version, package))
            ordered = sorted(versions, reverse=True)
            self._listed = _Listed(
                dict(sorted(archives.items(), reverse=True)),
                wheels,
                ordered,
                [version for version in ordered if versions[version]],
            )
        return self._listed

    def _project_page(self) -> ProjectPage:
        return self._client.get_project_page(self.project, timeout=_TIMEOUT)

    def _packages(self) -> list[DistributionPackage]:
        with warnings.catch_warnings():
            # An index with a newer format than pypi-simple's still has all that is read here.
            warnings.simplefilter("ignore", UnexpectedRepoVersionWarning)
            try:
                page = self._ask(lambda: within(self._whole, self._project_page))
            except (ValueError, UnsupportedRepoVersionError) as error:
                raise VpatchError(
                    "what answers is no package index",
                    where=self.project,
                    hint="correct index-url in pip's configuration",
                ) from error
        packages: list[DistributionPackage] = page.packages
        return packages

    def download(
        self, archive: Archive, path: Path, progress: Callable[[int | None], Tracker]
    ) -> None:
        """Fetch an archive to a path; what does not have the index's sha256 is not kept.

        Raises:
            VpatchError: It could not be fetched, or its digest is wrong or missing.
        """
        if not archive.sha256:
            raise VpatchError(
                "the index gives no sha256 to check",
                where=archive.filename,
                hint="use an index that gives it, or bring it: --upstream URL, --from WHEEL",
            )
        part = path.with_name(f"{path.name}.part")
        try:
            self._ask(
                lambda: self._client.download_package(
                    archive.package,
                    part,
                    progress=lambda size: Paced(progress(size), self._pace, archive.filename),
                    timeout=_TIMEOUT,
                )
            )
        except DigestMismatchError as error:
            raise VpatchError(
                "the archive's sha256 is not the one that the index gives",
                where=archive.filename,
                hint="try again; if it stays so, do not trust that index",
                # The error's own words hold the address, and that may hold a password.
                detail=f"expected {error.expected_digest}, got {error.actual_digest}",
            ) from error
        except OSError as error:
            raise VpatchError(
                f"cannot keep the download ({error.strerror})",
                where=str(part),
                hint="make room there, or set VPATCH_CACHE_DIR to another folder",
            ) from error
        part.replace(path)

    def _ask(self, question: Callable[[], Any]) -> Any:  # noqa: ANN401, any answer
        if self._down:
            # A run asks for many things, and is not to wait for each in vain.
            raise self._down
        try:
            return question()
        except TimeoutError as error:
            late = f"the package index gave no answer within {self._whole:.0f} s"
            hint = "check the network, or try again later"
            self._down = DownError(late, where=self.project, hint=hint)
            raise self._down from error
        except NoSuchProjectError as error:
            hint = "correct 'package' in vpatch.toml"
            where = self.project
            raise VpatchError("the index does not know it", where=where, hint=hint) from error
        except requests.RequestException as error:
            request = error.request
            # An address may hold a password, the host never does.
            host = urlsplit(request.url).hostname if request and request.url else ""
            status = error.response.status_code if error.response is not None else ""
            reason = f"HTTP {status}" if status else type(error).__name__
            raise VpatchError(
                f"the package index cannot be reached ({reason})",
                where=str(host or self.project),
                hint="check the network and pip's configuration, or name a base that "
                "'vpatch bases' lists",
            ) from error


def pip_settings() -> dict[str, str]:
    """Return pip's own settings for fetching, without their sections.

    pip is asked, since it reads five files and the environment. Without pip there is still the
    environment, which other installers follow too.
    """
    spoken = {key: os.environ.get(f"PIP_{key.upper().replace('-', '_')}") for key in _SETTINGS}
    command = [sys.executable, "-m", "pip", "config", "list"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    settings = {key: value for key, value in spoken.items() if value}
    # What is for one command alone counts less than "global", the environment most.
    ranks = {"download": 0, "global": 1, ":env:": 2}
    lines = [line.partition("=") for line in ran.stdout.splitlines()]
    keyed = [(key.rpartition("."), value) for key, _, value in lines]
    known = [(ranks[head], key, value) for (head, _, key), value in keyed if head in ranks]
    for _, key, value in sorted(known):
        try:
            settings[key] = str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            settings[key] = value
    return settings


def _archive(version: Version, package: DistributionPackage) -> Archive:
    sha256 = package.digests.get("sha256", "")
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        sha256 = ""
    return Archive(version, package.filename, sha256, package.size, package)


def _version(package: DistributionPackage) -> Version | None:
    try:
        return Version(package.version or "")
    except InvalidVersion:
        return None
