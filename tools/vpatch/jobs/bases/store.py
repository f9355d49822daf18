"""The bases at hand, in a bare store, and the way to more.

A release comes from the package index, anything else from a git remote.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vpatch.doors.files import lock, write
from vpatch.doors.git import Repo, init
from vpatch.jobs.bases.archive import stream_archive
from vpatch.jobs.bases.remote import Remote, address, shown, states
from vpatch.values.base import Base, canonical, is_commit, same_release, version_of
from vpatch.values.errors import BadInputError, FormatError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from vpatch.doors.index import Archive, Index
    from vpatch.jobs.bases.progress import Progress
    from vpatch.values.commit import Commit
    from vpatch.values.config import Upstream

_BROKEN = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)
_INDEX_REFS = "refs/vpatch/index/"
_COMPLETE_REFS = "refs/vpatch/complete/"
"""Commits from a git remote whose every file is in the store."""


class Bases:
    """The bases at hand, and the way to more.

    Args:
        cache: The folder for the store and for downloads.
        upstream: The project.
        index: Opens the package index, when it is needed.
        progress: Who is told of downloads and imports.
    """

    def __init__(
        self,
        cache: Path,
        upstream: Upstream,
        index: Callable[[], Index],
        progress: Progress,
    ) -> None:
        self._cache = cache
        self._package = upstream.package
        self._url = address(upstream.url)
        self._open_index = index
        self._index: Index | None = None
        self._progress = progress
        self.store = Repo(cache / "store.git")
        self._remote = Remote(self.store, self._url, progress)

    def at_hand(self) -> list[Base]:
        """Return the bases in the store, oldest release first, then the others by name."""
        if not (self.store.git_dir / "HEAD").exists():
            return []
        index_refs = f"{_INDEX_REFS}{self._package}/"
        found = [
            Base(name.removeprefix(index_refs), commit, subject)
            for name, (commit, subject) in self.store.refs(index_refs).items()
        ]
        if self._url:
            refs = self._remote.refs
            found += [
                Base(name.removeprefix(refs), commit, shown(self._url))
                for name, (commit, _) in self.store.refs(refs).items()
            ]
        releases = {b: v for b in found if (v := version_of(b.name))}
        others = sorted((b for b in found if b not in releases), key=lambda b: b.name)
        return [*sorted(releases, key=lambda b: releases[b]), *others]

    def releases(self) -> list[Base]:
        """Return the releases whose every file is here, one of each name, oldest first."""
        at_hand = [base for base in self.at_hand() if version_of(base.name)]
        complete = self.store.refs(_COMPLETE_REFS) if at_hand and self._url else {}
        return list(
            {
                base.name: base
                for base in at_hand
                if not self._from_remote(base) or _COMPLETE_REFS + base.commit in complete
            }.values()
        )

    def find(self, name: str) -> Base | None:
        """Return a base of the store by name or commit, without the network."""
        wanted = canonical(name)
        at_hand = self.at_hand()
        # What a git remote calls a release is the release; the index's copy comes second.
        for base in sorted(at_hand, key=lambda b: b.source == shown(self._url))[::-1]:
            if base.name == wanted or same_release(base.name, wanted):
                return base
        if is_commit(name):
            found = {b.commit: b for b in at_hand if b.commit.startswith(name)}
            if len(found) == 1:
                return next(iter(found.values()))
            if at_hand and self._url and self.store.tip(_COMPLETE_REFS + name):
                # A branch moved on, or is gone; what it was is still here.
                return Base(name[:12], name, shown(self._url))
        return None

    def get(self, name: str, *, fresh: bool = False) -> Base:
        """Return a base, brought into the store if it is not there.

        Args:
            name: A release, ``latest``, a branch, or a commit.
            fresh: Ask upstream again, even for what is at hand.

        Raises:
            BadInputError: No such base.
            VpatchError: It could not be fetched.
        """
        if name == "latest":
            name = f"v{self.index.latest()}"
        known = self.find(name)
        fixed = version_of(name) is not None or is_commit(name)
        if known and fixed and not fresh:
            return known
        try:
            return self._fetch(canonical(name))
        except BadInputError:
            raise
        except VpatchError as error:
            if known and not fresh:
                self._progress.say(f"{error}; using {name} as it was fetched last")
                return known
            raise

    @property
    def index(self) -> Index:
        """The package index, opened once."""
        if self._index is None:
            self._progress.say(f"asking the package index for {self._package}")
            self._index = self._open_index()
        return self._index

    def _fetch(self, name: str) -> Base:
        with self._alone():
            if self._url:
                found = self._from_git(name)
                if found:
                    return found
            if version_of(name):
                return self._from_index(name)
        raise BadInputError(
            "no such base",
            where=name,
            hint="name a release (v0.16.0, latest); branches and commits need a git "
            "remote: --upstream URL, or [upstream] url in vpatch.toml"
            if not self._url
            else f"{shown(self._url)} has no such branch, tag or commit",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the store, made if it is not there and rid of what a killed run left."""
        with suppress(OSError):
            self._cache.mkdir(parents=True, exist_ok=True)
        if not (self._cache.is_dir() and os.access(self._cache, os.W_OK)):
            raise VpatchError(
                "the cache folder cannot be written",
                where=str(self._cache),
                hint="make it writable, or set VPATCH_CACHE_DIR to a folder that is",
            )
        at_work = self._cache / "store.busy"
        with lock(self._cache / "store.lock", waiting=self._progress.say):
            init_store(self.store)
            if at_work.exists():
                self._sweep()
            write(at_work, b"")
            try:
                yield
            except BaseException as error:
                self._sweep()
                # git may outlive an interrupted run for a moment: then the mark stays.
                if isinstance(error, VpatchError):
                    at_work.unlink()
                raise
            at_work.unlink()

    def _sweep(self) -> None:
        """Remove what a run left that did not come to its end."""
        self.store.sweep()
        for part in self._cache.glob("downloads/*.part"):
            part.unlink()

    # From the package index

    def _from_index(self, name: str) -> Base:
        archives = {f"v{version}": one for version, one in self.index.archives().items()}
        named = next((own for own in archives if same_release(own, name)), name)
        ref = f"{_INDEX_REFS}{self._package}/{named}"
        if commit := self.store.tip(ref):
            # Another run fetched it while this one waited for the lock.
            return Base(named, commit, self.store.refs(ref)[ref][1])
        archive = archives.get(named)
        if archive is None:
            raise self._no_archive(name)
        name = named
        path = self._cache / "downloads" / archive.filename
        self._download(archive, path)
        commit = self._import(path, name, archive.sha256, ref)
        path.unlink()
        return Base(name, commit, archive.filename)

    def _no_archive(self, name: str) -> BadInputError:
        if version_of(name) in self.index.versions():
            return BadInputError(
                "the index has no source distribution of this release",
                where=name,
                hint="take it from git: --upstream URL, or [upstream] url in vpatch.toml",
            )
        newest = ", ".join(f"v{v}" for v in list(self.index.archives())[:3])
        hint = f"the newest releases are {newest}" if newest else "look at pip's configuration"
        return BadInputError("no such release in the index", where=name, hint=hint)

    def _download(self, archive: Archive, path: Path) -> None:
        if path.exists() and sha256_of(path) == archive.sha256:
            return
        what = f"download {archive.filename}"
        self.index.download(archive, path, lambda size: self._progress.track(what, size))

    def _import(self, path: Path, name: str, sha256: str, ref: str) -> str:
        what = f"import {path.name}"
        message = f"{path.name}\n\n{self._package} {name}, sha256 {sha256}\n"
        try:
            with (
                self._progress.track(what, path.stat().st_size) as tracker,
                self.store.importing() as process,
                path.open("rb") as archive,
            ):
                pipe = process.stdin
                assert pipe is not None  # noqa: S101, for mypy: `start` made the pipe
                stream_archive(archive, tracker, pipe, ref, message)
        except (*_BROKEN, FormatError) as error:
            path.unlink()
            hint = "run again to fetch it anew, or take the release from git: --upstream URL"
            raise VpatchError(
                f"the archive is broken ({error})", where=path.name, hint=hint
            ) from error
        commit = self.store.tip(ref)
        assert commit is not None  # noqa: S101, for mypy: the import made the ref
        return commit

    # From a git remote

    def _from_git(self, name: str) -> Base | None:
        self._progress.say(f"asking {shown(self._url)} for {name}")
        commit = self._remote.fetch(name)
        if commit is None:
            return None
        label = name if version_of(name) or not is_commit(name) else commit[:12]
        self.store.set_ref(self._remote.refs + label, commit)
        return Base(label, commit, shown(self._url))

    def complete(self, base: Base) -> None:
        """Bring every file of a base into the store; one from a git remote comes without."""
        mark = _COMPLETE_REFS + base.commit
        if not self._from_remote(base) or self.store.tip(mark):
            return
        missing = self._remote.missing(base.commit)
        with self._alone():
            if missing:
                self._remote.complete(missing)
            self.store.set_ref(mark, base.commit)

    def history(
        self, since: Base, until: Base, paths: Collection[str]
    ) -> tuple[Base, list[tuple[Commit, Base]]] | None:
        """Return the commits that touch paths on the way from one release to another.

        Args:
            since: The older release.
            until: The newer release, or another base of the git remote's.
            paths: The files.

        Returns:
            The state at which the way begins, and the commits, oldest first, each with the
            state that it leaves; None without a git remote.

        Raises:
            BadInputError: The remote does not have the two.
            VpatchError: The remote gave no answer.
        """
        if not self._url:
            return None
        name = until.name if version_of(until.name) else until.commit
        with self._alone():
            ends = self._remote.history(since.name, name)
        return states(self.store, since.name, ends, paths, shown(self._url))

    def _from_remote(self, base: Base) -> bool:
        return bool(self._url) and base.source == shown(self._url)


def init_store(store: Repo) -> None:
    """Make the bare store if it is not there."""
    if not (store.git_dir / "HEAD").exists():
        # git writes HEAD early; a run killed later would leave what looks like a store.
        beside = store.git_dir.with_suffix(".part")
        shutil.rmtree(beside, ignore_errors=True)
        init(beside, bare=True)
        beside.rename(store.git_dir)


def sha256_of(path: Path) -> str:
    """Return the digest of a file, 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
