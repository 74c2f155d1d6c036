"""A tenant comes, is switched on and off, and leaves."""
