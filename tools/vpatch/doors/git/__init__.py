"""The door to git, and the only user of GitPython. Nothing here knows what a series is."""

from vpatch.doors.git.command import GitError, SilentError, drop_inherited_variables
from vpatch.doors.git.merge import Clashing, Sides, merge_each, merge_marked
from vpatch.doors.git.patience import PATIENT, Patience
from vpatch.doors.git.repo import Repo, init
from vpatch.doors.git.stage import Stage
from vpatch.doors.git.stream import NewCommit, quoted

__all__ = [
    "PATIENT",
    "Clashing",
    "GitError",
    "NewCommit",
    "Patience",
    "Repo",
    "Sides",
    "SilentError",
    "Stage",
    "drop_inherited_variables",
    "init",
    "merge_each",
    "merge_marked",
    "quoted",
]
