"""The names under which a repository keeps the nights of a project."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOP = "vpatch/nightly"


@dataclass(frozen=True, slots=True)
class Names:
    """The names under which a repository keeps the nights of a project."""

    branch: str
    """The branch that has what is not merged yet."""

    @classmethod
    def of(cls, prefix: str) -> Names:
        """Return those of a project: two in one repository are not to share them.

        Args:
            prefix: Where in the repository it lies; empty for all of it.
        """
        # git takes not every name of a folder for one of a branch.
        place = re.sub(r"[^\w-]", "-", prefix.strip("/"))
        return cls(f"{_TOP}-{place}" if place else _TOP)

    @property
    def ref(self) -> str:
        """The branch, in full."""
        return f"refs/heads/{self.branch}"

    @property
    def memory(self) -> str:
        """What keeps the last commit whose news were told, whatever becomes of the branch."""
        # Never "refs/" and the branch's own name, for which git would take it first.
        return f"refs/vpatch/told/{self.branch.rpartition('/')[2]}"

    @property
    def way_out(self) -> str:
        """What to do about work of somebody's on the branch."""
        return f"merge it, or move it away: git branch -m {self.branch} NAME"
