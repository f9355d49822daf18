"""Bring a series to another base: what landed goes, what moved is rewritten.

Nothing of the user's is written before all of it is known. A conflict stops it, with a work
tree to solve it in; what is kept of a rebase that stopped is a note of what was asked for, and
the resolutions. The rest is worked out again, so that a kill loses nothing.
"""

from vpatch.upkeep.rebase.outcome import Fate, Rebased, Stopped
from vpatch.upkeep.rebase.place import Place
from vpatch.upkeep.rebase.run import Rebase, give_up, under_way

__all__ = ["Fate", "Place", "Rebase", "Rebased", "Stopped", "give_up", "under_way"]
