"""Figures 1 and 2, the paper's diagrams, redrawn from what the run measured."""
