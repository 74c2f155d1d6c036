"""Rules over config files, offline. One file per family."""
