"""Run vpatch as ``python -m vpatch``."""

import signal

if __name__ == "__main__":
    # Until the command line is there to catch it, Ctrl-C ends the process without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from vpatch.cli.main import main

    main()
