"""The door to the user's own files: read a folder, write beside and rename, lock."""

from vpatch.doors.files.single import explained, hold, lock, read, read_text, replacing, write
from vpatch.doors.files.transaction import Transaction

__all__ = [
    "Transaction",
    "explained",
    "hold",
    "lock",
    "read",
    "read_text",
    "replacing",
    "write",
]
