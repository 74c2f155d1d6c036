"""A connector whose ladder is one request."""
