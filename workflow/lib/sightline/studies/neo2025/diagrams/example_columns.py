"""Table of the image that Figure 2 shows: who reads it needs no torch."""

from sightline.studies.neo2025 import subsets

EXAMPLE_COLUMNS = {
    "model": "str", "image_id": "int64", "object_id": "int64", "category": "str", "rows": "int64",
    "columns": "int64", "picture": "object", "condition": "str", "variant": "str",
    "tokens": "object",
}  # fmt: skip
"""One row per subset of SHOWN; the picture is JPEG in the tower's frame, tokens are those replaced."""

OBJECT = (subsets.object_condition(0), subsets.MASK)
PLUS_1 = (subsets.object_condition(1), subsets.MASK)
RANDOM = (subsets.matched_condition(subsets.RANDOM, 1), subsets.OUTSIDE)
GRADIENTS = (subsets.matched_condition(subsets.GRADIENTS, 1), subsets.IG_YES)
REGISTER = (subsets.REGISTER, subsets.PROJECTOR)
SHOWN = (OBJECT, PLUS_1, REGISTER, GRADIENTS, RANDOM)
