"""What a language model reads a token, how fast a machine can be at that, and measurements."""
