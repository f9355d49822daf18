"""The core operation: put a series onto a base, in the store, and say what became of it.

A patch is tried exactly, by git's own apply. What does not fit is looked at hunk by hunk: is it
there already, by its lines or by a landmark; was it there in a release between; does it merge
through the patch's own base. What is left has no place, and that is a value, not an error.
"""

from vpatch.jobs.replay.memory import Memory
from vpatch.jobs.replay.run import replay
from vpatch.jobs.replay.setting import Setting, Shared

__all__ = ["Memory", "Setting", "Shared", "replay"]
