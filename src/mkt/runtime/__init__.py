"""The wire: HTTP, authentication, retries, masking, files."""
