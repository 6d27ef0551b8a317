"""One file per model family: where things are, and nothing else."""
