"""What lies in the folder of a demo model."""

VLM = "llava"
SEGMENTER = "segmenter"
SAM = "sam"
CURVES = "curves"
RECIPE = "recipe.json"
