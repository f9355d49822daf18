"""A patch: one mail of git-format-patch(1), or a bare diff, read liberally.

The bytes are kept as they are; nothing is recoded.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vpatch.values.diff import Diff, FileDiff, locate
from vpatch.values.errors import FormatError
from vpatch.values.paths import decode, encode
from vpatch.values.scan import scan

if TYPE_CHECKING:
    from email.message import Message

_FIRST_DIFF = re.compile(
    rb"^(?:diff --(?:git|cc|combined) |--- .*\n\+\+\+ .*\n@@ -|Index: .*\n=+\r?\n"
    rb"|Binary files .* differ\r?\n)",
    re.MULTILINE,
)
_MAIL = re.compile(rb"^From (?:[0-9a-f]{24})?[0-9a-f]{40} .*$", re.MULTILINE)
_ENCODED = re.compile(
    rb"^Content-Transfer-Encoding: *(quoted-printable|base64)", re.MULTILINE | re.IGNORECASE
)
_PAGE = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype )?html\b", re.IGNORECASE)
_IN_BODY = re.compile(r"\s*((?:(?:From|Date|Subject): .*\n(?:[ \t].*\n)*)+)(?:\n|$)")
_FIELD = re.compile(rb"^(?:From|Date|Subject|Author|Description|Origin): ", re.MULTILINE)
_TAG = re.compile(r"^\s*\[[^]]*PATCH[^]]*\]\s*")
_TRAILER = re.compile(r"^([A-Za-z][A-Za-z-]*): (.+)$", re.MULTILINE)
_PULL = re.compile(r"/pull/([0-9]{1,9})/?$")
_NUMBERED = re.compile(r"^(?:pr-?)?([1-9][0-9]{2,8})(?=[-_.]|$)", re.IGNORECASE)
_GZIP = b"\x1f\x8b"
# A patch of a gigabyte is no patch; a small archive can still claim to hold one.
_LARGEST = 256 * 2**20


@dataclass(frozen=True)
class Patch:
    """One patch of a series."""

    name: str
    """File name in the series."""
    subject: str
    """First line of the commit message, without ``[PATCH n/m]``."""
    body: str
    """The rest of the commit message, trailers included."""
    author: tuple[str, str]
    """Name and address; empty where the file does not tell."""
    date: datetime | None
    """Author's date with its zone; None where the file does not tell."""
    pr: int | None
    """Number of the pull request it was taken from."""
    files: tuple[FileDiff, ...]
    """What it does to each file."""
    raw: bytes
    """The file, byte for byte."""
    located: bool = True
    """Whether the paths in `files` are the tree's."""
    strip: int | None = None
    """Leading path parts to strip, where the series says so."""

    @property
    def paths(self) -> frozenset[str]:
        """Every path that it reads or writes."""
        return frozenset(path for file in self.files for path in file.paths)

    @cached_property
    def diff(self) -> bytes:
        """The change alone, as git-apply(1) takes it."""
        return b"".join(file.text() for file in self.files)

    @property
    def head(self) -> bytes:
        """What stands before the diff: header and message of a mail, often nothing."""
        text = _opened(self.name, self.raw)
        start = _FIRST_DIFF.search(text)
        return text[: start.start() if start else 0].replace(b"\r\n", b"\n")

    @property
    def sha256(self) -> str:
        """Digest of the file's bytes, 64 hex digits."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def trailers(self) -> dict[str, str]:
        """``Key: value`` lines of the body's last paragraph."""
        last = self.body.strip().split("\n\n")[-1]
        return dict(_TRAILER.findall(last))

    @property
    def taken_from(self) -> str:
        """The commit of its pull request that it was taken from, empty where none is named."""
        return self.trailers.get("Upstream-Head", "")

    @property
    def packed(self) -> bool:
        """Whether its file is packed with gzip."""
        return self.raw.startswith(_GZIP)

    @property
    def chopped(self) -> bool:
        """Whether blank lines were put back at the end of a hunk."""
        return any(hunk.chopped for file in self.files for hunk in file.hunks)

    def in_tree(self, tree: frozenset[str]) -> Patch:
        """Return the patch with the paths that a tree knows its files by.

        Raises:
            FormatError: No strip level fits the tree, or more than one does.
        """
        if self.located:
            return self
        files = locate(self.files, tree, where=self.name, strip=self.strip)
        return replace(self, files=files, located=True)


def read_patch(name: str, raw: bytes, *, strip: int | None = None) -> Patch:
    """Read a patch file.

    Args:
        name: File name in the series.
        raw: The file, possibly gzipped.
        strip: Leading path parts to strip (``-pN`` of the series), None for git's way.

    Raises:
        FormatError: It holds no diff, a broken one, or more than one mail.
    """
    text = _opened(name, raw)
    _refuse_other_files(name, text)
    start = _FIRST_DIFF.search(text)
    if start is None:
        hint = "a patch is a mail of git format-patch, or a diff"
        raise FormatError("no diff in it", where=name, hint=hint)
    mails = _MAIL.findall(text) if b"\nFrom " in text else []
    if len(mails) > 1 or (mails and _MAIL.search(text, start.start())):
        raise FormatError(
            f"{len(mails)} mails in one file" if len(mails) > 1 else "a diff and a mail in it",
            where=name,
            hint="split it with git mailsplit: a patch is one mail",
        )
    diff = scan(text[start.start() :], where=name)
    head = text[: start.start()].replace(b"\r\n", b"\n")
    return _patch(name, raw, head, _stripped(diff, strip, name), strip)


def _refuse_other_files(name: str, text: bytes) -> None:
    if not text.strip():
        raise FormatError("the file is empty", where=name, hint="get the patch again")
    if _PAGE.match(text):
        hint = "get the patch again: a pull request's address gives its diff with .diff behind"
        raise FormatError("a web page, no patch", where=name, hint=hint)
    header = text.replace(b"\r", b"").partition(b"\n\n")[0]
    if found := _ENCODED.search(header):
        raise FormatError(
            f"the mail is encoded ({decode(found[1]).lower()})",
            where=name,
            hint="apply it with git am, then write it with git format-patch",
        )


def _stripped(diff: Diff, strip: int | None, name: str) -> Diff:
    """Strip more than git's own prefix, where the series says so."""
    if not (diff.located and strip and strip > 1):
        return diff
    files = tuple(file.renamed(strip - 1) for file in diff.files)
    for before, after in zip(diff.files, files, strict=True):
        if "" in (after.old, after.new):
            hint = "take the option out of the series file: vpatch finds the strip level"
            raise FormatError(
                f"-p{strip} leaves nothing of {before.path}", where=name, hint=hint
            )
    return Diff(files, located=True)


def _patch(name: str, raw: bytes, head: bytes, diff: Diff, strip: int | None) -> Patch:
    subject, body, author, date = _headed(head)
    patch = Patch(
        name=name,
        subject=subject or _subject_of(name),
        body=body,
        author=author,
        date=date,
        pr=None,
        files=diff.files,
        raw=raw,
        located=diff.located,
        strip=strip,
    )
    return replace(patch, pr=_pr_of(patch))


def _opened(name: str, raw: bytes) -> bytes:
    """Return the text of a patch file.

    Some editors of Windows put a mark before the text, which hides its first line.
    """
    return _unzipped(name, raw).removeprefix(b"\xef\xbb\xbf")


def _unzipped(name: str, raw: bytes) -> bytes:
    if not raw.startswith(_GZIP):
        return raw
    try:
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        text = stream.decompress(raw, _LARGEST)
    except zlib.error as error:
        hint = "unpack it with gzip -d to see what is left"
        raise FormatError(f"broken gzip ({error})", where=name, hint=hint) from error
    if not stream.eof:
        hint = "unpack it with gzip -d to see what is left"
        raise FormatError("broken gzip (cut off, or too large)", where=name, hint=hint)
    return text


def _headed(head: bytes) -> tuple[str, str, tuple[str, str], datetime | None]:
    """Read subject, body, author and date of what stands before the diff."""
    if not _FIELD.search(head):
        return "", "", ("", ""), None
    mail = _MAIL.sub(b"", head, count=1).lstrip(b"\n")
    message = message_from_bytes(mail)
    body = message.get_payload(decode=True)
    text = decode(body) if isinstance(body, bytes) else ""
    # DEP-3: the first line is the subject, those below it are indented; a dot is a blank one.
    short, _, long = _raw(message, "Description").partition("\n")
    long = re.sub(r"^[ \t]\.?", "", long, flags=re.MULTILINE)
    subject = _field(message, "Subject") or short.strip()
    author = _field(message, "From") or _field(message, "Author")
    date = _field(message, "Date")
    if found := _IN_BODY.match(text):
        # git-am(1): such lines at the body's start override the mail's own.
        inner, text = message_from_bytes(encode(found[1])), text[found.end() :]
        subject = _field(inner, "Subject") or subject
        author = _field(inner, "From") or author
        date = _field(inner, "Date") or date
    # git-format-patch(1): what follows this line is not part of the message.
    text = re.split(r"^---[ \t]*$", text, maxsplit=1, flags=re.MULTILINE)[0]
    text = "\n\n".join(part.strip("\n") for part in (long, text) if part.strip("\n"))
    return _TAG.sub("", subject), text, _person(author), _date(date)


def _raw(message: Message, key: str) -> str:
    """Return a header's value as it stands, folded."""
    values = (value for name, value in message.raw_items() if name.lower() == key.lower())
    return decode(str(next(values, "")).encode("utf-8", "surrogateescape"))


def _field(message: Message, key: str) -> str:
    folded = re.sub(r"\r?\n[ \t]+", " ", _raw(message, key)).strip()
    if "=?" not in folded:
        return folded
    try:
        return " ".join(str(make_header(decode_header(folded))).splitlines()).strip()
    except (LookupError, UnicodeError, MessageError):
        return folded


def _person(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"\s*(.*?)\s*<([^<>]*)>\s*", text)
    name, address = (found[1], found[2]) if found else (text.strip(), "")
    return name.strip('"'), address.strip()


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _subject_of(name: str) -> str:
    stem = PurePosixPath(name.removesuffix(".gz")).stem
    return re.sub(r"[-_]+", " ", stem)


def _pr_of(patch: Patch) -> int | None:
    if url := patch.trailers.get("Upstream-PR"):
        found = _PULL.search(url.strip())
        return int(found[1]) if found else None
    return number_in(patch.name)


def number_in(name: str) -> int | None:
    """Return the pull request that the name of a patch begins with, None for any other name."""
    found = _NUMBERED.match(name)
    return int(found[1]) if found else None
