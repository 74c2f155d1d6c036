"""What a partner engineer's tests need: the contract suite that every connector runs through."""
