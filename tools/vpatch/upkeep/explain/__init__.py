"""Say why a patch has no place on a base, and which release broke it.

The replay is asked again for the releases between the base that the patch was made on and the
one that is asked about, and with a git remote for the commits between two releases.
"""

from vpatch.upkeep.explain.run import explain
from vpatch.upkeep.explain.text import lines

__all__ = ["explain", "lines"]
