"""What mkt is compared with: the least code that does the same."""
