"""Tables behind the page of attention routes: who reads them needs no torch."""

from sightline.studies.shown_objects import SHOWN_OBJECTS

QUERY, GENERATED = ASKERS = ("query", "generated")

IMAGE_COLUMNS = {
    "image_id": "int64", "model": "str", "question": "str", "text": "str", "rows": "int64",
    "columns": "int64", "patch": "int64", "layers": "int64", "middle_first": "int64",
    "middle_last": "int64", "picture": "object",
}  # fmt: skip
"""One row per image, in the order of the page: what was said of it, the grid of the tokens that show all of it, the
middle layers of the study, and the picture as JPEG in the tower's frame, a patch its side in it."""
TOKEN_COLUMNS = {"image_id": "int64", "token": "int32", "role": "str", "text": "str"}
"""One row per token that attends: those of the question, then those that the model said."""
SHARE_COLUMNS = {
    "image_id": "int64", "token": "int32", "layer": "int16", "role": "str", "share": "float32",
}  # fmt: skip
"""Share of a token's attention, mean over heads, that goes to a role of
`sightline.studies.kaduri2025.attention.measurements.ROLES`; the five add up to one. Of a token of the question it is
the row of that token, of one that the model said the row it was chosen with."""
MAP_COLUMNS = {"image_id": "int64", "token": "int32", "layer": "int16", "values": "object"}
"""The same rows over the image tokens that show all of the picture, (tokens,) float32."""

TABLES = {
    "images": IMAGE_COLUMNS,
    "tokens": TOKEN_COLUMNS,
    "shares": SHARE_COLUMNS,
    "maps": MAP_COLUMNS,
    "objects": SHOWN_OBJECTS,
}
