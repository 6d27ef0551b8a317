"""Rows of `sightline.studies.neo2025.lens.replaced`: who reads them needs no torch."""

BEFORE, NUMBERS_REPLACED, OTHERS_REPLACED = "before", "numbers replaced", "others replaced"
COLUMNS = {
    "model": "str", "image_id": "int64", "condition": "str", "token": "int64", "state": "int64",
    "text": "str", "value": "int64", "probability": "float64", "replaced": "bool", "new": "bool",
}  # fmt: skip
"""``replaced`` tells that the token was replaced in this condition, ``new`` that it held no number
before."""
