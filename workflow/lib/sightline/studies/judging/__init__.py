"""Judges for free text: which objects two descriptions share, and whether an answer says yes or no."""
