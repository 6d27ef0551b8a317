"""Which share of the image tokens a claim is judged at."""

from collections.abc import Sequence

from sightline.studies.kaduri2025.attention.measurements import MeasurementError
from sightline.studies.kaduri2025.attention.selection import count

PUBLISHED, FEWEST = 5, 8


def decisive_share(shares: Sequence[float], tokens: int) -> float:
    """The smallest share, from the published 5 % on, that keeps eight tokens (dossier section 6, C9).

    Args:
        shares: percent that are tried.
        tokens: of an image.

    Raises:
        MeasurementError: none is large enough.
    """
    for share in sorted(shares):
        if share >= PUBLISHED and count(share, tokens) >= FEWEST:
            return share
    raise MeasurementError(
        f"top_shares: none of {list(shares)} is {PUBLISHED} % or more and keeps {FEWEST} of "
        f"{tokens} tokens; add one."
    )
