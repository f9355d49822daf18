"""What stands around a diff in a patch file: a mail of git-format-patch(1), or nothing."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING

from vpatch.values.paths import encode

if TYPE_CHECKING:
    from vpatch.values.patch import Patch

ZERO = b"From " + b"0" * 40 + b" Mon Sep 17 00:00:00 2001\n"
"""The first line of a mail that stands for no commit of anybody's."""

_FROM = re.compile(rb"\AFrom .*\n")
_SUBJECT = re.compile(rb"^Subject: ", re.MULTILINE)
# git-format-patch(1): what follows this line is not part of the message.
_END = re.compile(rb"^---[ \t]*$", re.MULTILINE)
# git-mailsplit(1) takes such a line of a message for the next mail.
_SPLITTING = re.compile(rb"^From ", re.MULTILINE)
_TRANSFER = re.compile(rb"(?im)^Content-Transfer-Encoding:.*\n([ \t].*\n)*")


@dataclass(frozen=True, slots=True)
class Mail:
    """What stands before the diff."""

    header: bytes
    """The fields, each line ended; the line of the commit id is not among them."""
    message: bytes
    """The message behind the subject, trailers included; its last line ended."""

    def saying(self, message: bytes) -> Mail:
        """Return the same mail with another message."""
        text = message.strip(b"\n")
        return Mail(self.header, text + b"\n" if text else b"")

    def around(self, diff: bytes) -> bytes:
        """Return the patch file."""
        message = self.message + b"\n" if self.message else b""
        return ZERO + self.header + b"\n" + message + diff


def mail_of(patch: Patch) -> Mail | None:
    """Return the mail that a patch file is, None where it is a bare diff."""
    header, _, message = patch.head.partition(b"\n\n")
    header = _FROM.sub(b"", header + b"\n")
    if not _SUBJECT.search(header):
        return None
    return Mail(header, b"").saying(_END.split(message, maxsplit=1)[0])


def mail_for(patch: Patch) -> Mail:
    """Return a mail for a patch by what is known of it, where its file is none."""
    name, address = patch.author
    fields = [f"From: {name or 'unknown'} <{address or 'unknown@localhost'}>"]
    if patch.date:
        fields.append(f"Date: {format_datetime(patch.date)}")
    fields.append(f"Subject: {' '.join(patch.subject.split())}")
    return Mail(encode("\n".join(fields) + "\n"), b"").saying(encode(patch.body))


def in_mailbox(mail: bytes) -> bytes:
    """Return a patch file as it stands among others in one mailbox."""
    first, _, rest = mail.partition(b"\n")
    header, _, body = rest.partition(b"\n\n")
    if b"\r\n" in body:
        # git-mailsplit(1) drops each CR at the end of a line, but for what is encoded.
        header = _TRANSFER.sub(b"", header + b"\n") + b"Content-Transfer-Encoding: base64\n"
        return first + b"\n" + header + b"\n" + base64.encodebytes(body)
    return first + b"\n" + _SPLITTING.sub(b">From ", rest)
