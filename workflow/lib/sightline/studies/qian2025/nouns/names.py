"""Names of the maps of a noun and of the files they are kept in."""

RAW, SURGERY, RELEASED = "noun", "noun less the empty text", "noun, no final norm"
VARIANTS = (RAW, SURGERY, RELEASED)
"""Maps of a noun. The authors' code has three branches, of which the figure does not say which it used (dossier 3.1):
the inverted map is the first, turned round; SURGERY is CLIP Surgery's removal of what all texts share, without its
change of the attention; RELEASED projects states as the released code does, without the norm the projection expects.
"""

COMPARED, MAPS, PICTURES = "nouns.parquet", "noun_maps.safetensors", "noun_pictures.safetensors"
DISTRACTORS = 10
COLUMNS = (
    "model", "encoder", "split", "number", "query", "image", "noun", "names",
    *(f"{variant}{ending}" for variant in VARIANTS
      for ending in (", correlation", ", mean of others", ", best", ", worst", ", best of ten", ", area")),
    "asked", "by name", "nearest other", "mean of others",
)  # fmt: skip
"""Of the comparisons, one row per query that has a noun:

names            how many names there are, the right one among them
correlation      rank correlation of the map of [SEG] with the right noun's; mean of others: with those of other names
best, worst      whether that is above, or below, those with all other names; best of ten: above ten drawn ones
area             of the right noun's map, hits against false alarms on the object: 0.5 by chance
asked            other things in the image asked for by name, in the last split alone; without any, no numbers follow
by name          cosine of the state at [SEG] with that of a query for the noun
nearest other    the highest with those of queries for other things in the image; mean of others: their mean
"""
