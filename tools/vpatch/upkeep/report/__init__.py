"""The page for people: patches by bases, each cell with its hunks, in one HTML file.

What is on it is gathered as a value, and rendered from that alone.
"""

from vpatch.upkeep.report.gather import gather
from vpatch.upkeep.report.render import render

__all__ = ["gather", "render"]
