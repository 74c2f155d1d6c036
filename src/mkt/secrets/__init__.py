"""A reference becomes a value."""
