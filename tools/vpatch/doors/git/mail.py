"""Mails of patches: written by git-format-patch(1), split by git-mailsplit(1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.doors.git.stage import temporary_folder
from vpatch.values.paths import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpatch.doors.git.command import Command

# What a folder of patches holds: nothing that differs from one export to the next.
_EXPORT = (
    *("--stdout", "--zero-commit", "--full-index", "--no-signature", "--no-stat"),
    *("--keep-subject", "--text", "--no-ext-diff", "--no-textconv", "--no-notes"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--no-attach", "--no-thread", "--unified=3"),
)


def exported(repo: Command, commit: str, *, renames: bool) -> bytes:
    """Return a commit as a mail.

    Args:
        repo: The repository.
        commit: A commit with one parent.
        renames: Whether a file that moved is written as that.
    """
    how = "-M" if renames else "--no-renames"
    out = repo.run("format-patch", *_EXPORT, how, "-1", commit).out
    # git ends each mail but the last with an empty line, and the last one with a signature.
    return out.rstrip(b"\n") + b"\n"


def with_trailers(repo: Command, message: str, trailers: Mapping[str, str]) -> str:
    """Return a commit message with trailers set, by git-interpret-trailers(1)."""
    command = ["interpret-trailers", "--no-divider", "--if-exists=replace"]
    command += [f"--trailer={key}: {value}" for key, value in trailers.items()]
    return decode(repo.run(*command, stdin=encode(message)).out)


def split_mails(repo: Command, raw: bytes) -> list[bytes]:
    """Split a mailbox into its mails."""
    with temporary_folder() as folder:
        repo.run("mailsplit", "-b", "--keep-cr", f"-o{folder}", stdin=raw)
        return [path.read_bytes() for path in sorted(folder.iterdir())]
