"""What mkt remembers."""
