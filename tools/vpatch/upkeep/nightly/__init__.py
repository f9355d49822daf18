"""A night: look at upstream, do all that is safe, and say only what changed.

A night works in a tree of its own, ``build/nightly``, laid out anew from what is committed:
neither a killed night nor work of the user's in the folder can spoil it. What it wrote, and
what it saw, is then kept in one commit, whose message has the news; after that the news is
told, and that it was is kept too. A night that is killed before the commit has told nothing,
and the next one does all of it again; of one that is killed behind it, the next one tells the
news.
"""

from vpatch.upkeep.nightly.bases import find_bases
from vpatch.upkeep.nightly.begin import home_of
from vpatch.upkeep.nightly.branch import BRANCH
from vpatch.upkeep.nightly.carry import carry
from vpatch.upkeep.nightly.home import Home
from vpatch.upkeep.nightly.pulls import look_at_pulls
from vpatch.upkeep.nightly.seen import Diary, Noted, Seen
from vpatch.upkeep.nightly.verdicts import compare

__all__ = [
    "BRANCH",
    "Diary",
    "Home",
    "Noted",
    "Seen",
    "carry",
    "compare",
    "find_bases",
    "home_of",
    "look_at_pulls",
]
