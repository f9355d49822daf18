"""Floor 3: jobs over many replays, and over the folder as a whole."""
