"""Masks of queries: the model's own, the original SAM's from points, and the map itself, cut."""
