"""The preflight ladder, climbed for many integrations, once or until it is green."""
