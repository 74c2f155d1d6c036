"""Failures become causes: what stands wrong now, and who is told of it."""
