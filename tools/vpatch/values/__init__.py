"""Floor 0: pure values. Nothing here reads a file, runs a program or prints."""
