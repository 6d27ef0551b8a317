"""The judge of descriptions itself: agreement with labels, its instructions, and two pictures of how it works."""
