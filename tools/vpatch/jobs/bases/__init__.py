"""Bases: releases and other upstream states, brought into a bare store and found there."""

from vpatch.jobs.bases.progress import Progress
from vpatch.jobs.bases.store import Bases

__all__ = ["Bases", "Progress"]
