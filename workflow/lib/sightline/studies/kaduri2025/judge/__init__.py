"""The judge of descriptions itself: agreement with labels, its instructions, and two figures of how it works."""
