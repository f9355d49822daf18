"""Which bases a night looks at: the newest releases, and upstream's branch.

Those of the kept series are brought as well: the page shows them, and nothing is told of them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.upkeep.matrix import named
from vpatch.values.base import is_commit, version_of
from vpatch.values.errors import VpatchError
from vpatch.values.matrix import in_order

if TYPE_CHECKING:
    from vpatch.jobs.bases import Bases
    from vpatch.jobs.bases.remote import Remote
    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.values.base import Base

_NEWEST = 3
"""Releases that are looked at."""
_INDEX = "the package index"


def find_bases(
    bases: Bases, asked: str | None, diary: Diary, remote: Remote | None
) -> list[Base]:
    """Bring the bases of a night; one that cannot be had is news, and hides no other.

    Args:
        bases: The bases at hand, and the way to more.
        asked: The bases that the user named, as ``matrix`` takes them; None for the newest
            releases, and upstream's branch where there is a remote.
        diary: What is seen.
        remote: Upstream's git remote, None where there is none.

    Returns:
        The bases, the oldest release first, branches behind them.
    """
    names = _newest(bases, diary)
    if remote is None:
        diary.say("no git remote ([upstream] url in vpatch.toml): branches are not looked at")
    else:
        _tell_tagged(remote, diary)
    if asked is not None:
        names = _named(bases, asked, diary)
    elif remote:
        names = [*names, _branch(remote, diary)]
    found = {name: _brought(bases, name, diary) for name in in_order(names)}
    return [base for base in found.values() if base]


def bring_kept(folder: Folder, bases: Bases, found: list[Base], diary: Diary) -> list[Base]:
    """Bring the bases of the kept series, on a fresh machine too; one may be missing.

    Args:
        folder: The project's folder, as it was laid out for the night.
        bases: The bases at hand, and the way to more.
        found: The bases that are looked at.
        diary: What is seen.

    Returns:
        Those that are not looked at.
    """
    tried = {*(base.name for base in found), *diary.new.failures}
    kept: list[Base] = []
    for name in folder.names():
        if name in tried:
            continue
        with diary.looking_at(name):
            base = bases.find(name) or bases.get(name)
            bases.complete(base)
            kept.append(base)
    return kept


def _named(bases: Bases, asked: str, diary: Diary) -> list[str]:
    """Return the bases that the user named; a part that names none hides no other."""
    if not asked.strip(" ,"):
        return list(named(bases, asked, diary.say))
    found: dict[str, bool] = {}
    for part in filter(None, map(str.strip, asked.split(","))):
        with diary.looking_at(f"the bases {part}"):
            found |= named(bases, part, diary.say)
    return list(found)


def _newest(bases: Bases, diary: Diary) -> list[str]:
    """Return the newest releases, and tell which are new, and which are gone."""
    with diary.looking_at(_INDEX):
        there = bases.index.offered()
        if not there:
            return []
        diary.new.releases = [f"v{version}" for version in there]
        _compare(diary)
        return diary.new.releases[:_NEWEST]
    at_hand = [base.name for base in bases.releases()]
    final = [name for name in at_hand if not _is_preview(name)]
    return final[-_NEWEST:]


def _branch(remote: Remote, diary: Diary) -> str:
    """Return the name of upstream's branch, as far as the remote or the last night tells."""
    old, told = diary.old.branch, ""
    # Who gives no answer here is asked for the branch itself next, and named there.
    with diary.looking_at("the name of upstream's branch"), suppress(VpatchError):
        told = remote.branch()
    if old and told and told != old:
        diary.tell("branch", f"upstream's branch is {told} now, and was {old}", base=told)
    diary.new.branch = told or old
    return diary.new.branch or "main"


def _compare(diary: Diary) -> None:
    """Tell of releases that were not there before, and of those that are no more."""
    old, new = diary.old.releases, diary.new.releases
    if not old:
        return
    for name in reversed(new):
        if name not in old and name not in diary.old.tags:
            diary.tell("release", f"{name} is out", base=name)
    for name in old:
        if name not in new:
            diary.tell(
                "withdrawn", f"{name} was withdrawn: the index offers it no more", base=name
            )


def _tell_tagged(remote: Remote, diary: Diary) -> None:
    """Tell once of a release that has a tag, and is newer than all that the index has."""
    old, new = diary.old, diary.new
    if _INDEX in new.failures:
        return
    newest = version_of(next(iter(new.releases), ""))
    # Who gives no answer here is asked for the branch next, and named there.
    with suppress(VpatchError):
        final = {
            f"v{version}": version
            for tag in remote.tags()
            if (version := version_of(tag)) and not version.is_prerelease
        }
        new.tags = [
            name
            for name in in_order(final)
            if name not in new.releases
            and (name in old.tags or (newest is not None and final[name] > newest))
        ]
    for name in new.tags:
        if name not in old.tags:
            text = f"{name} has a tag, and is not in the package index yet"
            diary.tell("release", text, base=name)


def _is_preview(name: str) -> bool:
    version = version_of(name)
    return version is None or version.is_prerelease


def _brought(bases: Bases, name: str, diary: Diary) -> Base | None:
    """Bring a base; a branch is asked for anew, and else taken as it was fetched last."""
    fixed = version_of(name) is not None or is_commit(name)
    found: Base | None = None
    with diary.looking_at(name):
        try:
            found = bases.get(name, fresh=not fixed)
        except VpatchError as error:
            found = bases.find(name)
            diary.failed(name, str(error))
        if found:
            bases.complete(found)
    if found and not fixed:
        # It goes by this name from night to night, whatever commit it is at.
        return replace(found, name=name)
    return found
