"""The door to the Python package index: which releases there are, and their files."""

from vpatch.doors.index.simple import Archive, Index, pip_settings
from vpatch.doors.index.waiting import Pace, Tracker

__all__ = ["Archive", "Index", "Pace", "Tracker", "pip_settings"]
