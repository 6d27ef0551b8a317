"""The numbers that Figure 1 carries, one group for each of the paper's three findings."""

import pandas as pd

from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.judging import CORRECTED
from sightline.studies.neo2025.knockout import pairs
from sightline.studies.neo2025.lens import curves
from sightline.studies.neo2025.lens.image_set import MAIN
from sightline.studies.neo2025.lens.words import STRICT

SETTING = "vqa"
"""The one setting that ablation and knockout share."""
ABLATION, LENS, KNOCKOUT = "ablation", "lens", "knockout"
LOST = (
    (subsets.object_condition(0), subsets.MASK, "object"),
    (subsets.object_condition(1), subsets.MASK, "object + 1"),
    (
        subsets.matched_condition(subsets.RANDOM, 1),
        subsets.OUTSIDE,
        "random outside (as object + 1)",
    ),
    (subsets.REGISTER, subsets.PROJECTOR, "register"),
)
READ = ((curves.OBJECT, "object's tokens"), (curves.OUTSIDE, "tokens outside"))
CUT = (
    (f"{pairs.PLUS_1} to {pairs.LAST}", "object + 1"),
    (f"{pairs.CONTEXT} to {pairs.LAST}", "image without object + 1"),
)
WINDOWS = pairs.NAMES[:5]
COLUMNS = ["finding", "label", "first", "last", "n", "value", "ci_low", "ci_high"]


def collect(
    model: str, effects: pd.DataFrame, lens: pd.DataFrame, knockout: pd.DataFrame
) -> pd.DataFrame:
    """COLUMNS of one model, all values in percent.

    Args:
        model: its key.
        effects: of the ablation.
        lens: curves of the lens.
        knockout: effects of the knockout.

    Returns:
        ABLATION: answers lost per subset. LENS: tokens that decode to the class per state (``first``). KNOCKOUT:
        answers lost per window of layers, ``first`` to ``last``. Bounds of answers lost are Wilson's, of tokens from a
        bootstrap over images.
    """
    effects = effects[
        (effects["model"] == model)
        & (effects["setting"] == SETTING)
        & (effects["judge"] == CORRECTED)
    ]
    lens = lens[
        (lens["model"] == model)
        & (lens["sample"] == MAIN)
        & (lens["rule"] == STRICT)
        & (lens["measure"] == curves.SHARE)
    ]
    knockout = knockout[
        (knockout["model"] == model)
        & (knockout["judge"] == CORRECTED)
        & (knockout["variant"] == subsets.MASK)
    ]
    rows = []
    for condition, variant, label in LOST:
        here = effects[(effects["condition"] == condition) & (effects["variant"] == variant)]
        rows += [
            (ABLATION, label, -1, -1, one.n, one.decrease_percent, one.wilson_low, one.wilson_high)
            for one in here.itertuples()
        ]
    for series, label in READ:
        rows += [
            (LENS, label, one.state, one.state, one.n, one.value, one.ci_low, one.ci_high)
            for one in lens[lens["series"] == series].itertuples()
        ]
    for pair, label in CUT:
        here = knockout[(knockout["pair"] == pair) & knockout["window"].isin(WINDOWS)]
        rows += [
            (
                KNOCKOUT, label, one.first_layer, one.last_layer, one.n,
                100 * (1 - one.relative_accuracy), 100 * (1 - one.ci_high), 100 * (1 - one.ci_low),
            )
            for one in here.itertuples()
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def strongest_cut(numbers: pd.DataFrame) -> pd.Series | None:
    """The window in which cutting the object off from the last position loses most, if any was measured."""
    here = numbers[(numbers["finding"] == KNOCKOUT) & (numbers["label"] == CUT[0][1])]
    here = here[here["value"].notna()]
    return None if here.empty else here.loc[here["value"].idxmax()]
