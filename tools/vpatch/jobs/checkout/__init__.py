"""A checkout as a target: put a replay into it, take it out, and tell how it differs."""

from vpatch.jobs.checkout.compare import Drift, applied_states, drift
from vpatch.jobs.checkout.make import make_checkout
from vpatch.jobs.checkout.target import Applied, Checkout

__all__ = ["Applied", "Checkout", "Drift", "applied_states", "drift", "make_checkout"]
