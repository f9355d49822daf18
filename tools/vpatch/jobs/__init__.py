"""Floor 2: jobs over one replay."""
