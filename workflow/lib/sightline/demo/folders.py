"""What lies in the folder of a demo model or encoder."""

VLM = "llava"
SEGMENTER = "segmenter"
SAM = "sam"
CURVES = "curves"
RECIPE = "recipe.json"
CARD = "README.md"

CURVE = "curve.jsonl"
"""An encoder has one."""

HEAD = "head.safetensors"
"""What reads the objective's answer from an encoder's body."""
