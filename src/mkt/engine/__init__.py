"""What mkt does: verify, sync, guard, schedule. Nothing here prints."""
