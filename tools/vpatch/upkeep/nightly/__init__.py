"""A night: look at upstream, do all that is safe, and say only what changed.

A night works in a tree of its own, ``build/nightly``, laid out anew from what is committed:
neither a killed night nor work of the user's in the folder can spoil it. What it wrote, and
what it saw, is then kept in one commit, whose message has the news, and pushed where that was
asked for; after that the news is told, and that it was is kept and pushed too. A night that is
killed before the commit has told nothing, and the next one does all of it again; of one that is
killed behind it, the next one tells the news. News may be told twice so, and is never lost.
"""

from vpatch.upkeep.nightly.markdown import markdown
from vpatch.upkeep.nightly.means import Means
from vpatch.upkeep.nightly.night import Night
from vpatch.upkeep.nightly.seen import Noted
from vpatch.upkeep.nightly.told import Told, last_told

__all__ = ["Means", "Night", "Noted", "Told", "last_told", "markdown"]
