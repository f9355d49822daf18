"""The proofs: each patch's test on the series without it and with it."""
