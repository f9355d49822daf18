"""The page, read in a real browser."""
