"""One folder per partner, and nothing else."""
