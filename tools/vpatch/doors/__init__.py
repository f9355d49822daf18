"""Floor 1: doors. Each outside thing is reached through one module of this package."""
