"""Sightline: check what four studies of vision-language models claim, on any model, from cached artifacts."""

__version__ = "0.1.0"
