"""Tables behind the lens page: who reads them needs no torch."""

IMAGE_COLUMNS = {
    "image_id": "int64", "model": "str", "question": "str", "rows": "int64", "columns": "int64",
    "patch": "int64", "states": "int64", "picture": "object",
}  # fmt: skip
"""One row per image, in the order of the page; the picture is JPEG in the tower's frame, a patch its side in it."""
WORD_COLUMNS = {
    "image_id": "int64", "token": "int32", "state": "int16", "rank": "int8", "text": "str",
    "probability": "float32",
}  # fmt: skip
"""One row per image token, state and rank: the vocabulary entry that the lens reads there."""
OBJECT_COLUMNS = {
    "image_id": "int64", "object_id": "int64", "category": "str", "crowd": "bool",
    "outlines": "object", "tokens": "object",
}  # fmt: skip
"""One row per object in sight; outlines are polygons x, y, x, y ... in pixels of the tower's frame, even-odd, tokens
the image tokens that it touches."""
ATTENTION_COLUMNS = {
    "image_id": "int64", "block": "int16", "token": "int32", "attention": "float32",
}  # fmt: skip
"""One row per block and image token: attention of the prompt's last position, mean over heads."""
ANSWER_COLUMNS = {
    "image_id": "int64", "state": "int16", "rank": "int8", "text": "str", "probability": "float32",
}  # fmt: skip
"""One row per state and rank: the vocabulary entry that the lens reads at the prompt's last position."""

TABLES = {
    "images": IMAGE_COLUMNS,
    "words": WORD_COLUMNS,
    "objects": OBJECT_COLUMNS,
    "attention": ATTENTION_COLUMNS,
    "answer": ANSWER_COLUMNS,
}
