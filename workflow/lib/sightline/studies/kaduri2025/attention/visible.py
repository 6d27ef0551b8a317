"""Object F1 against the share of image tokens that generated tokens see (kaduri2025 Figure 5)."""

from collections.abc import Iterator, Sequence

import pandas as pd

from sightline.intervals import bootstrap_mean, bootstrap_ratio
from sightline.studies.kaduri2025.attention import selection
from sightline.studies.kaduri2025.attention.contrast import Contrast
from sightline.studies.kaduri2025.attention.measurements import (
    ALL_LAYERS,
    AS_PUBLISHED,
    EVERYTHING_SEEN,
    FAMILIES,
    STRICTER,
)
from sightline.studies.kaduri2025.attention.shares import decisive_share

COLUMNS = (
    "model", "model_layers", "family", "selection", "rows", "share", "kept", "n", "draws", "f1", "sd",
    "ci_low", "ci_high", "precision", "recall",
)  # fmt: skip
ENOUGH = 0.9


def summarise(sweep: pd.DataFrame, seed: int, draws: int) -> pd.DataFrame:
    """Mean F1 over images by model, family, selection, rows and share; ``sd`` is over images."""
    by = ["model", "model_layers", "family", "selection", "rows", "share"]
    rows = []
    for key, part in sweep.groupby(by, sort=False):
        # Several draws for one image are one observation.
        f1 = part.groupby("image_id")["f1"].mean()
        interval = bootstrap_mean(f1, f1.index, seed, draws)
        rows.append(
            (
                *key, part["kept"].mean(), len(f1), part["draw"].nunique(), f1.mean(), f1.std(ddof=0),
                *interval, part["precision"].mean(), part["recall"].mean(),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def contrasts(
    sweep: pd.DataFrame, shares: Sequence[float], tokens: int, seed: int, draws: int
) -> Iterator[Contrast]:
    """Numbers of one model that C9 rests on, by family, and with the last prompt position restricted too.

    Args:
        sweep: of one model.
        shares: percent of tokens that were tried.
        tokens: of an image.
        seed: of the bootstrap over images.
        draws: resamples.
    """
    share = decisive_share(shares, tokens)
    variants = [(family, AS_PUBLISHED, family) for family in FAMILIES]
    variants.append((ALL_LAYERS, STRICTER, f"{ALL_LAYERS}, {STRICTER}"))
    for family, rows, variant in variants:
        here = sweep[sweep["family"] == family]
        of = {
            name: _f1(here[(here["selection"] == name) & (here["rows"] == used)], at)
            for name, used, at in (
                (selection.ATTENTION, rows, share),
                # The same rows as the most attended tokens: the comparison is of tokens alone.
                (selection.RANDOM, rows, share),
                (EVERYTHING_SEEN, AS_PUBLISHED, 100),
            )
        }
        own, whole = of[selection.ATTENTION], of[EVERYTHING_SEEN]
        images, n = own.index, len(own)
        note = f"{share:g} % of {tokens} tokens"
        interval = bootstrap_mean(own, images, seed, draws)
        yield Contrast(variant, "f1", n, own.mean(), interval, note)
        interval = bootstrap_mean(whole, whole.index, seed, draws)
        yield Contrast(variant, "f1_everything", len(whole), whole.mean(), interval)
        if whole.sum() > 0:
            interval = bootstrap_ratio(own, whole.reindex(images), images, seed, draws)
            yield Contrast(variant, "f1_kept", n, own.sum() / whole.sum(), interval, note)
        difference = own - of[selection.RANDOM].reindex(images)
        interval = bootstrap_mean(difference, images, seed, draws)
        yield Contrast(variant, "over_random", n, difference.mean(), interval, note)
        if rows == AS_PUBLISHED:
            attended = here[(here["selection"] == selection.ATTENTION) & (here["rows"] == rows)]
            means = attended.groupby("share")["f1"].mean()
            enough = means.index[means >= ENOUGH * whole.mean()]
            smallest = float(enough.min()) if len(enough) else float("nan")
            yield Contrast(variant, "saturation_share", n, smallest, note="percent of tokens")


def _f1(rows: pd.DataFrame, share: float) -> pd.Series:
    """F1 by image, mean of its draws."""
    return rows[rows["share"] == share].groupby("image_id")["f1"].mean()
