"""A report becomes text. One file per shape; nothing here decides anything."""
