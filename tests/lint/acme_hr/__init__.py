"""A connector made up for these tests: every kind of setting in one place."""
