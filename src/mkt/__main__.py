"""`python -m mkt`, and the installed command `mkt`."""

from mkt.cli.app import main

if __name__ == "__main__":
    main()
