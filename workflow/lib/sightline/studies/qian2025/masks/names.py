"""Names of masks and of the maps behind them, as tables carry them."""

OWN, OWN_WITH_POINTS, POINTS, MAP = "own", "own with points", "points", "map"
PUBLISHED = "as published"
ANOTHER_IMAGE, CENTRE, TRUTH = "another image's map", "centre", "ground truth"
BEST = "best layer on val"
SAM, SAM_BEFORE = "sam", "sam -2"
