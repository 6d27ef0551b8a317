"""What parts, roles, representations and columns of the study are called."""

PAIRS, SWAPPED = "pairs", "swapped"
GLOBAL_TRAIN, GLOBAL_TEST = "global_train", "global_test"
PARTS = (PAIRS, SWAPPED, GLOBAL_TRAIN, GLOBAL_TEST)
"""Parts of the study. In ``swapped`` the secondary object is large and the primary small (demo only)."""

PRIMARY, SECONDARY, OBJECT = "primary", "secondary", "object"
ROLES = (PRIMARY, SECONDARY)

CORRECTED, PUBLISHED = "corrected", "published"

AVG_OBJ, RANDOM_OBJ, RANDOM, CLS = "avg_obj", "random_obj", "random", "CLS"
REPRESENTATIONS = (RANDOM_OBJ, AVG_OBJ, RANDOM, CLS)
"""In the order of the published heatmaps."""
POOLED = (AVG_OBJ, RANDOM_OBJ, RANDOM)

CLS_FOLDER = "cls"

SAMPLE_COLUMNS = {
    "sample": "int64",
    "part": "str",
    "split": "str",
    "image_id": "int64",
    "task": "int64",
    "role": "str",
    "category": "str",
    "label": "int64",
    "instances": "int64",
    "share": "float64",
    "cells": "int64",
    "captions": "int64",
    "in_caption": "bool",
    "in_caption_published": "bool",
    "in_one_caption": "bool",
    "in_one_caption_published": "bool",
}
"""``task`` is -1 for global parts. ``label``: 0 or 1 for a primary, 0 to 3 for a secondary, else the number
of the category in the global list. ``share`` is the mask's share of the image, ``cells`` the cells it covers on
a grid of 14 x 14 over the whole image, the same for all encoders. ``captions`` counts the human captions;
``in_caption`` says whether one of them names the category, ``in_caption_published`` the same by the published
rule, which knows no name of two words; ``in_one_caption`` and ``in_one_caption_published`` look at one caption
drawn at random."""


def tensor_name(representation: str, layer: int) -> str:
    """Name of a tensor on disk."""
    return f"{representation.lower()}.{layer}"
