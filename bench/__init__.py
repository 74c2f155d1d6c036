"""Ratios against peers, run side by side: `make bench`, or `python -m bench NAME…`."""
