"""Names of masks and of the maps behind them, as tables carry them."""

OWN, OWN_WITH_POINTS, POINTS, MAP = "own", "own with points", "points", "map"
PUBLISHED = "as published"
ANOTHER_IMAGE, CENTRE, TRUTH = "another image's map", "centre", "ground truth"
BEST = "best layer on val"
SAM, SAM_BEFORE = "sam", "sam -2"


def cut_at(name: str, share: float) -> str:
    """Name of a map that is cut at a share of its range."""
    short = f"{share:.2f}"
    return f"{name}, share {short if float(short) == share else f'{share:g}'}"
