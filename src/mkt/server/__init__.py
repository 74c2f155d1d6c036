"""HTTP in, engine call, status out."""
