"""The door to GitHub's REST API: the state of a pull request, and what is said of it."""

from vpatch.doors.github.api import Api, RateLimitError
from vpatch.doors.github.pulls import GitHub
from vpatch.doors.github.token import token_for

__all__ = ["Api", "GitHub", "RateLimitError", "token_for"]
