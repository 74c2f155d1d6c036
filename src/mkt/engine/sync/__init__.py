"""A sync: what is due is read, staged, guarded and promoted, each integration under its lease."""
