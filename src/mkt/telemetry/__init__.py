"""One event, many sinks."""
