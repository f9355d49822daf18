"""Run vpatch as ``python -m vpatch``."""

from vpatch.cli.main import main

if __name__ == "__main__":
    main()
