"""A partner that sends people, signed, and does not wait for what becomes of them."""
