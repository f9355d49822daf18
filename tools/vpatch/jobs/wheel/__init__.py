"""A patched wheel: the official one of a base, with the files that a replay changed."""

from vpatch.jobs.wheel.check import (
    added_files,
    check_built,
    check_release,
    compiled_parts,
    examine,
    foreign_files,
    is_patched,
)
from vpatch.jobs.wheel.fetch import fetch
from vpatch.jobs.wheel.source import Wheel, opened
from vpatch.jobs.wheel.write import changed_files, held_files, write_wheel

__all__ = [
    "Wheel",
    "added_files",
    "changed_files",
    "check_built",
    "check_release",
    "compiled_parts",
    "examine",
    "fetch",
    "foreign_files",
    "held_files",
    "is_patched",
    "opened",
    "write_wheel",
]
