"""An installed package as a target: patch its files, bring them back, tell what it holds."""

from vpatch.jobs.installation.compare import Found, compare, held_states
from vpatch.jobs.installation.note import Note
from vpatch.jobs.installation.plan import Delivery
from vpatch.jobs.installation.target import Installation

__all__ = ["Delivery", "Found", "Installation", "Note", "compare", "held_states"]
