"""The door to GitHub's REST API: the state of a pull request, and what is said of it."""

from vpatch.doors.github.api import Api, RateLimitError, token_for
from vpatch.doors.github.pulls import GitHub

__all__ = ["Api", "GitHub", "RateLimitError", "token_for"]
