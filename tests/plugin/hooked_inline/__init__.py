"""A partner that waits for the answer, which the connector gives and verifies by itself."""
