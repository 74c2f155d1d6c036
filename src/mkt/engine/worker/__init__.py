"""`mkt worker`: any number of machines share the syncs that are due."""
