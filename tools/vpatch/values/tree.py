"""What stands at a path of a git tree."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_FOLDER, _LINK, _MODULE = "040000", "120000", "160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree or an index."""

    mode: str
    """Six octal digits, as in git-ls-tree(1)."""
    oid: str
    """Object id, 40 hex digits."""

    @property
    def is_folder(self) -> bool:
        """Whether this is a tree."""
        return self.mode == _FOLDER

    @property
    def is_way_out(self) -> bool:
        """Whether what lies below this path is not in the tree."""
        return self.mode in (_LINK, _MODULE)


Entries = dict[str, Entry]
"""Path to what stands there."""
Change = dict[str, Entry | None]
"""Path to what stands there afterwards; None where it is deleted."""


def blob_id(content: bytes) -> str:
    """Return the object id that git gives a file of this content, or a link with this aim."""
    raw = b"blob %d\0%s" % (len(content), content)
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
