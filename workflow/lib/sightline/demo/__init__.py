"""The embedded world and the training of the small models that look at it."""
