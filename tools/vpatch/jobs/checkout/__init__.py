"""A checkout as a target: put a replay into it, take it out, and tell how it differs."""

from vpatch.jobs.checkout.compare import applied_states, drift
from vpatch.jobs.checkout.make import make_checkout
from vpatch.jobs.checkout.note import Applied
from vpatch.jobs.checkout.target import Checkout

__all__ = ["Applied", "Checkout", "applied_states", "drift", "make_checkout"]
