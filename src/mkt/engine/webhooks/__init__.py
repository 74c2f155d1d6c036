"""Inbound webhooks: what becomes of a request between the server and the store."""
