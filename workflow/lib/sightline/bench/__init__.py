"""Speed and memory of the instruments against plain transformers; ``python -m sightline.bench``."""
