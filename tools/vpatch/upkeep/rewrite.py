"""Write the patches of a replay down as files for the base that they were put onto."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from vpatch.doors.git.difference import difference_each
from vpatch.doors.git.stage import temporary_folder
from vpatch.values.base import version_of
from vpatch.values.envelope import Mail, mail_for, mail_of
from vpatch.values.patch import read_patch
from vpatch.values.paths import printable
from vpatch.values.series import Series, read_series, series_text
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpatch.doors.git import Repo
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.facts import PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.series import SeriesFile
    from vpatch.values.tree import Change
    from vpatch.values.verdict import Replay, Result

# Where evidence stands in a file, which the next base has elsewhere.
_LINE = re.compile(r":\d+( has ')")
_FULL = 40
"""Digits of a blob's id."""
_MANY = 500
"""Files in one list of arguments, which has an end."""


class Form(Enum):
    """What the files are for."""

    SERIES = "a series of vpatch's own, which reads what is met in the wild"
    NEW = "a series that somebody's patch comes into, and what vpatch check asks of it"
    QUILT = "quilt and GNU patch, which know no renames"
    MAILBOX = "git am, which takes mails alone"


@dataclass(frozen=True, slots=True)
class PatchFile:
    """A patch as it is written for a base."""

    name: str
    content: bytes
    kept: bool
    """Whether it is, byte for byte, the one of the series."""


def rewrite(replay: Replay, made: Repo, form: Form) -> list[PatchFile | None]:
    """Return the file of each patch for the base of a replay.

    What does on this base what it did keeps its bytes. Anything else keeps its mail's head,
    gets the trailer ``Rebased-From``, and the diff of the trees before and after.

    Args:
        replay: What became of the series.
        made: Where the replay's objects are.
        form: What the files are for.

    Returns:
        A file for each result; None for a patch that changes nothing on this base, or has
        no place there.
    """
    files: list[PatchFile | None] = [None] * len(replay.results)
    wanted: list[int] = []
    for at, (result, change) in enumerate(zip(replay.results, replay.changes, strict=True)):
        if change and _keeps(result, change, form):
            patch = result.patch
            name = patch.name if patch.packed else _plain(patch.name, replay)
            files[at] = PatchFile(name, patch.raw, kept=True)
        elif change:
            wanted.append(at)
    if wanted:
        patches = [replay.results[at].patch for at in wanted]
        mails = _trailed(made, replay, wanted, [_mail(patch, form) for patch in patches])
        diffs = _diffs(made, replay, wanted, form)
        for at, patch, mail, diff in zip(wanted, patches, mails, diffs, strict=True):
            content = mail.around(diff) if mail else patch.head + diff
            files[at] = PatchFile(_plain(patch.name, replay), content, kept=False)
    return files


def prove(replays: Replays, replay: Replay, files: Sequence[PatchFile | None]) -> None:
    """Replay what was written, from its bytes; it must be clean and give the same tree.

    Raises:
        RuntimeError: It does not, which is a bug.
    """
    patches = [
        result.patch if file.kept else read_patch(file.name, file.content)
        for result, file in zip(replay.results, files, strict=True)
        if file
    ]
    again = replays.replay(Series(replay.base, tuple(patches)), replay.base)
    wrong = [r.patch.name for r in again.results if r.verdict is not Verdict.CLEAN]
    if wrong or again.tree != replay.tree:
        what = f"{', '.join(wrong)} would not be clean" if wrong else "the tree would differ"
        raise RuntimeError(f"the series written for {replay.base.name} is wrong: {what}")


def listing(
    replay: Replay,
    files: Sequence[PatchFile | None],
    source: SeriesFile,
    facts: Mapping[int, PullRequest],
) -> bytes:
    """Return the series file that names the files; a comment stands for what is left out.

    Args:
        replay: What became of the series.
        files: The file of each patch.
        source: The series file whose comments are kept.
        facts: What is known of each pull request.

    Raises:
        RuntimeError: It does not name them, which is a bug.
    """
    instead: dict[str, str] = {}
    for result, file in zip(replay.results, files, strict=True):
        name = result.patch.name
        if file is None:
            instead[name] = _left_out(result, replay.base, facts)
        elif file.name != name:
            instead[name] = file.name
    text = series_text(replay.base, source, instead)
    named = [entry.name for entry in read_series(text, where="series").entries]
    if named != [file.name for file in files if file]:
        raise RuntimeError(f"the series file written for {replay.base.name} is wrong")
    return text.encode()


def _left_out(result: Result, base: Base, facts: Mapping[int, PullRequest]) -> str:
    """Return the comment that stands where a patch stood, here and in the series made of it."""
    name = result.patch.name
    if not result.verdict.good:
        why = f"it had no place on {base.name} and is not tried on later bases"
        return f"# {name}: left out by hand, {why}"
    cause = _LINE.sub(r"\1", result.cause)
    seen = f"seen on {base.name}: "
    if result.landed_in:
        where = f"landed in {result.landed_in}, changed since in {result.changed_since}"
        cause = cause.removesuffix(where).removesuffix("; ")
    else:
        known = facts.get(result.patch.pr or 0)
        took = known.merged_in if known else ""
        where = f"landed in {took}"
        if not _is_before(took, base):
            where, seen = f"in {base.name} already", ""
    evidence = printable(" ".join(cause.split()))
    return f"# {name}: {where} ({seen}{evidence})" if evidence else f"# {name}: {where}"


def _is_before(release: str, base: Base) -> bool:
    """Whether a release is the base or comes before it."""
    low, high = version_of(release), version_of(base.name)
    return low is not None and (high is None or low <= high)


def _keeps(result: Result, change: Change, form: Form) -> bool:
    """Whether a patch's own file does."""
    patch = result.patch
    if not _is_unchanged(result, change):
        return False
    if form is Form.SERIES:
        return True
    if form is Form.NEW:
        return all(min(map(len, file.ids)) == _FULL for file in patch.files)
    plain = patch.located and patch.strip in (None, 1) and patch.diff in patch.raw
    if form is Form.QUILT:
        return plain and not _moves(patch)
    return plain and patch.raw.startswith(b"From ") and mail_of(patch) is not None


def _is_unchanged(result: Result, change: Change) -> bool:
    """Whether a patch does on this base what it did, to the very blobs that it names."""
    ids = {file.new: file.ids[1] for file in result.patch.files}
    return result.verdict is Verdict.CLEAN and all(
        entry is None or entry.oid.startswith(ids.get(path, ""))
        for path, entry in change.items()
    )


def _plain(name: str, replay: Replay) -> str:
    """Return the name for a file that is not packed any more, unless another has it."""
    plain = name.removesuffix(".gz")
    taken = {result.patch.name for result in replay.results}
    return name if plain in taken else plain


def _moves(patch: Patch) -> bool:
    return any(file.moved for file in patch.files)


def _mail(patch: Patch, form: Form) -> Mail | None:
    found = mail_of(patch)
    return mail_for(patch) if found is None and form is Form.MAILBOX else found


def _diffs(made: Repo, replay: Replay, wanted: Sequence[int], form: Form) -> list[bytes]:
    """Return what each of some patches changed, as git shows it.

    A rename is shown as one where the patch itself says so.
    """
    commits = [at for at, change in enumerate(replay.changes) if change]
    moving = {at for at in wanted if _moves(replay.results[at].patch)}
    if form is Form.QUILT:
        moving = set()
    found: dict[int, bytes] = {}
    for renames, asked in ((False, set(wanted) - moving), (True, moving)):
        if asked:
            span = replay.base.commit, replay.commit
            shown = difference_each(made, *span, renames=renames)
            found |= {at: diff for at, diff in zip(commits, shown, strict=True) if at in asked}
    return [found[at] for at in wanted]


def _trailed(
    made: Repo, replay: Replay, wanted: Sequence[int], mails: Sequence[Mail | None]
) -> list[Mail | None]:
    """Set the trailer ``Rebased-From`` of each mail that is for another base."""
    own = replay.series.base
    if own is None or own.name == replay.base.name:
        # Nothing tells where it is from, or it only makes room for another patch at home.
        return list(mails)
    moved = {
        at: mail.message
        for at, mail in zip(wanted, mails, strict=True)
        if mail and not _is_unchanged(replay.results[at], replay.changes[at])
    }
    told = _with_trailer(made, moved, f"Rebased-From: {own.name}") if moved else {}
    return [
        mail.saying(told[at]) if mail and at in told else mail
        for at, mail in zip(wanted, mails, strict=True)
    ]


def _with_trailer(made: Repo, messages: Mapping[int, bytes], trailer: str) -> dict[int, bytes]:
    """Set a trailer of many messages in one run of git-interpret-trailers(1)."""
    title = b"x\n\n"
    with temporary_folder() as folder:
        places = {at: folder / str(at) for at in messages}
        for at, place in places.items():
            place.write_bytes(title + messages[at])
        names = [str(place) for place in places.values()]
        command = ["interpret-trailers", "--in-place", "--no-divider", "--where=end"]
        command += ["--if-exists=replace", "--if-missing=add", "--trailer", trailer]
        for at in range(0, len(names), _MANY):
            made.run(*command, *names[at : at + _MANY])
        return {at: place.read_bytes().removeprefix(title) for at, place in places.items()}
