"""Which integrations exist."""
