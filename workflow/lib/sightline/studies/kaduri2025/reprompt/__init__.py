"""New questions put to a compressed context instead of the image: Table 1, its supplement, C10 to C12 and C15."""
