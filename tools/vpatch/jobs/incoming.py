"""Make patches of what somebody else wrote: a pull request, a commit, a file.

They are in the form that a series has, and on the state that their author made them on.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from vpatch.doors.git import NewCommit
from vpatch.doors.git.mail import exported, split_mails, with_trailers
from vpatch.doors.git.topic import compare_changes
from vpatch.values.base import Base
from vpatch.values.envelope import Mail, mail_for, mail_of
from vpatch.values.errors import RefusedError
from vpatch.values.mail import file_name, message_of, title_of
from vpatch.values.patch import Patch, read_patch
from vpatch.values.paths import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from vpatch.doors.git import Repo
    from vpatch.values.pull import Pull, PullCommit
    from vpatch.values.tree import Change

USUALLY_LEFT_OUT = ("tests/*", "docs/*", "benchmarks/*", ".buildkite/*", ".github/*", "*.md")
"""What a running vLLM does not hold, and upstream changes often."""
_MAILBOX = re.compile(rb"^From ([0-9a-f]{40}) .*\n(?:[A-Z][A-Za-z-]*:)", re.MULTILINE)
_CREDIT = re.compile(r"^(?:Signed-off-by|Co-authored-by): .+$", re.MULTILINE | re.IGNORECASE)
_ZERO = b"0" * 40
_DATE = re.compile(r"\d{1,12} [+-](?:0\d|1[0-3])\d\d")


@dataclass(frozen=True, slots=True)
class Terms:
    """How somebody's work is to be taken."""

    number: int | None
    """The pull request that it is; None for one's own."""
    url: str
    """The pull request's page, empty for one's own work."""
    exclude: Sequence[str]
    """Globs of files that are left out."""
    title: str = ""
    """What the whole is called."""
    author: tuple[str, str] = ("", "")
    """Name and address of whose it is, where it does not tell itself."""
    date: datetime | None = None
    """When it was written, where it does not tell itself."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """Patches on their way into a series."""

    patches: tuple[Patch, ...]
    """In order; none where nothing but excluded files is touched."""
    home: Base | None
    """The state that they were made on, None where nothing tells."""
    left_out: tuple[str, ...]
    """Files that they touched and that are left out."""


def of_pull(repo: Repo, pull: Pull, terms: Terms, *, source: str) -> Incoming:
    """Make one patch of a whole pull request, merges and all.

    Args:
        repo: Where the pull request's objects are, and new ones may be written.
        pull: The pull request.
        terms: How it is to be taken.
        source: Where it came from, for people.
    """
    if not pull.commits:
        return Incoming((), _home(pull.base, source), ())
    first = (pull.own or pull.commits)[0]
    # What a lone commit says of itself speaks for the whole.
    body = first.body if len(pull.commits) == 1 else _credits(pull.own)
    kept, left_out = _change(repo, pull.base, pull.head, terms)
    trailers = _trailers(terms, pull.head)
    made = _written(
        repo, pull.base, [(first, kept, _message(repo, terms.title, body, trailers))]
    )
    patches = [read_patch(file_name(terms.title, terms.number), raw) for raw in made]
    return Incoming(tuple(patches), _home(pull.base, source), left_out)


def _credits(commits: Sequence[PullCommit]) -> str:
    """Return whose work several commits are beside the first author's, and who signed it."""
    found: dict[str, str] = {}
    for commit in commits:
        name, address = map(_plain, commit.author)
        if address != _plain(commits[0].author[1]):
            line = f"Co-authored-by: {name} <{address}>"
            found.setdefault(line.lower(), line)
        for line in map(title_of, _CREDIT.findall(commit.body)):
            found.setdefault(line.lower(), line)
    return "\n".join(found.values())


def compared(repo: Repo, old: Pull, new: Pull, terms: Terms) -> tuple[str, bool]:
    """Compare a pull request at two heads, each as a whole: merges may hide a change.

    Args:
        repo: Where the objects of both are, and new ones may be written.
        old: The pull request as it was reviewed.
        new: The pull request as it is.
        terms: How it is taken; what is left out is not compared.

    Returns:
        What differs, for people to read; and whether anything does but line numbers.
    """
    ends: list[tuple[str, str]] = []
    for pull in (old, new):
        kept, _ = _change(repo, pull.base, pull.head, terms)
        commit = NewCommit("vpatch <vpatch@localhost>", "0 +0000", b"The change\n", kept)
        ends.append((pull.base, repo.commit_each(pull.base, [commit])[0]))
    return compare_changes(repo, *ends)


def of_commits(repo: Repo, pull: Pull, terms: Terms, *, source: str) -> Incoming:
    """Make a patch of each commit of a pull request.

    Args:
        repo: Where the pull request's objects are, and new ones may be written.
        pull: The pull request.
        terms: How it is to be taken.
        source: Where it came from, for people.

    Raises:
        RefusedError: There are merges among them, whose changes no patch can hold.
    """
    if pull.has_merges:
        merges = [one.oid[:12] for one in pull.commits if len(one.parents) > 1]
        raise RefusedError(
            f"#{pull.number} has merges in it",
            where=", ".join(merges[:5]),
            hint="leave --split-commits out: one patch holds all of it, merges as well",
        )
    wanted: list[tuple[PullCommit, Change, str]] = []
    left_out: set[str] = set()
    for commit in pull.own:
        kept, left = _change(repo, commit.parents[0], commit.oid, terms)
        trailers = _trailers(terms, commit.oid)
        message = _message(repo, commit.subject, commit.body, trailers)
        wanted.append((commit, kept, message))
        left_out.update(left)
    made = _written(repo, pull.base, wanted)
    subjects = [commit.subject for commit, kept, _ in wanted if kept]
    patches = [
        read_patch(file_name(subject, terms.number, part), raw)
        for part, (subject, raw) in enumerate(zip(subjects, made, strict=True), 1)
    ]
    return Incoming(tuple(patches), _home(pull.base, source), tuple(sorted(left_out)))


def of_commit(repo: Repo, commit: PullCommit, terms: Terms, *, source: str) -> Incoming:
    """Make a patch of a commit of a clone.

    Args:
        repo: Where its objects are, and new ones may be written.
        commit: The commit.
        terms: How it is to be taken.
        source: The clone, for people.

    Raises:
        RefusedError: It is a merge, or has no parent.
    """
    if len(commit.parents) != 1:
        what = "a merge" if commit.parents else "the first one of all"
        hint = "name a commit with one parent"
        raise RefusedError(f"the commit is {what}", where=commit.oid[:12], hint=hint)
    kept, left_out = _change(repo, commit.parents[0], commit.oid, terms)
    trailers = {"Upstream-PR": terms.url} if terms.url else {}
    message = _message(repo, commit.subject, commit.body, trailers)
    made = _written(repo, commit.parents[0], [(commit, kept, message)])
    patches = [read_patch(file_name(commit.subject, terms.number), raw) for raw in made]
    return Incoming(tuple(patches), _home(commit.parents[0], source), left_out)


def patches_in(repo: Repo, name: str, raw: bytes) -> list[Patch]:
    """Read a file: a diff, a mail, or several mails.

    Args:
        repo: A repository; nothing of it is asked.
        name: The file's name.
        raw: What is in it.

    Raises:
        FormatError: It holds no diff, or a broken one.
    """
    several = len(_MAILBOX.findall(raw)) > 1
    return [read_patch(name, mail) for mail in (split_mails(repo, raw) if several else [raw])]


def of_patches(
    repo: Repo,
    patches: Sequence[Patch],
    terms: Mapping[int | None, Terms],
    *,
    tree: frozenset[str],
) -> Incoming:
    """Make patches of what a file holds.

    Args:
        repo: A repository; nothing of it is asked.
        patches: What the file holds.
        terms: How each is to be taken, by its pull request.
        tree: Every path of the base, which says what the diffs' paths mean.

    Raises:
        FormatError: A path could mean several files, or none.
        RefusedError: There are several of one pull request, and they do not say which
            commits they were.
    """
    parts = Counter(patch.pr for patch in patches)
    for patch in patches:
        if patch.pr and parts[patch.pr] > 1 and not _commit_of(patch):
            hint = "take it from the pull request: vpatch add its number, with --split-commits"
            what = f"several mails of #{patch.pr}, and not each has its commit's id"
            raise RefusedError(what, where=patch.name, hint=hint)
    found: list[Patch] = []
    left_out: set[str] = set()
    carried: Counter[int | None] = Counter()
    for patch in patches:
        own = terms[patch.pr]
        located = patch.in_tree(tree)
        kept = tuple(one for one in located.files if not _excluded(one.paths, own))
        left_out |= located.paths - {path for file in kept for path in file.paths}
        if not kept:
            continue
        carried[patch.pr] += 1
        subject, mail = _enveloped(patch, own)
        number = carried[patch.pr] if parts[patch.pr] > 1 else None
        called = file_name(title_of(subject), own.number, number)
        diff = b"".join(file.text() for file in kept)
        mail = trailed(repo, mail, _unsaid(patch, own))
        found.append(read_patch(called, mail.around(diff)))
    return Incoming(tuple(found), None, tuple(sorted(left_out)))


def _unsaid(patch: Patch, terms: Terms) -> dict[str, str]:
    """Return the trailers that a patch which came in a file is to have, and lacks."""
    head = _commit_of(patch) if terms.url else ""
    wanted = {"Upstream-PR": terms.url, "Upstream-Head": head}
    said = patch.trailers
    return {key: value for key, value in wanted.items() if value and key not in said}


def _commit_of(patch: Patch) -> str:
    """Return the commit that a mail was made of, empty where it does not tell."""
    found = _MAILBOX.match(patch.head)
    # Its first line has the commit that it was written from: a copy of that one, perhaps.
    return patch.taken_from or (decode(found[1]) if found and found[1] != _ZERO else "")


def _enveloped(patch: Patch, terms: Terms) -> tuple[str, Mail]:
    """Return what a patch is called, and a mail that says so, and whose it is and of when."""
    own = mail_of(patch)
    if own and patch.author[0] and patch.date:
        return patch.subject, own
    subject = patch.subject if own else terms.title or patch.subject
    author = patch.author if patch.author[0] else terms.author
    date = patch.date or terms.date
    return subject, mail_for(replace(patch, subject=subject, author=author, date=date))


def _change(repo: Repo, old: str, new: str, terms: Terms) -> tuple[Change, tuple[str, ...]]:
    """Return what lies between two commits, and the files that are left out of it."""
    letters = repo.changed(old, new)
    kept = [path for path in letters if not _excluded([path], terms)]
    entries = repo.entries(new, kept) if kept else {}
    left_out = tuple(path for path in letters if path not in set(kept))
    return {path: entries.get(path) for path in kept}, left_out


def _excluded(paths: Iterable[str], terms: Terms) -> bool:
    """Whether all of some paths, those of one file, are left out."""
    return all(any(fnmatch(path, glob) for glob in terms.exclude) for path in paths)


def _written(
    repo: Repo, base: str, wanted: Sequence[tuple[PullCommit, Change, str]]
) -> Iterator[bytes]:
    """Write commits that change something upon a base, and return each as a mail."""
    commits = [
        NewCommit(
            " ".join((_plain(commit.author[0]) or "unknown", f"<{_plain(commit.author[1])}>")),
            commit.date if _DATE.fullmatch(commit.date) else "0 +0000",
            encode(message),
            kept,
        )
        for commit, kept, message in wanted
        if kept
    ]
    for oid in repo.commit_each(base, commits):
        yield exported(repo, oid, renames=True)


def _plain(text: str) -> str:
    return re.sub(r"[<>\n\0]", "", title_of(text))


def _message(repo: Repo, title: str, body: str, trailers: Mapping[str, str]) -> str:
    return with_trailers(repo, message_of(title, body), trailers)


def _trailers(terms: Terms, head: str) -> dict[str, str]:
    return {"Upstream-PR": terms.url, "Upstream-Head": head}


def trailed(repo: Repo, mail: Mail, trailers: Mapping[str, str]) -> Mail:
    """Set trailers of a mail; git reads them behind a title alone."""
    title = "x\n\n"
    message = with_trailers(repo, title + decode(mail.message), trailers)
    return mail.saying(encode(message.removeprefix(title)))


def _home(commit: str, source: str) -> Base:
    return Base(commit[:12], commit, source)
