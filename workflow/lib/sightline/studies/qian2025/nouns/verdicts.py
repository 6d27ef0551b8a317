"""Rows of the scorecard for C2: the map of [SEG] and that of the object's name, its state and that of a query by name.

The output embedding of the model's own word, on expressions that say the word, is a variant and decides nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from sightline.intervals import bootstrap_mean
from sightline.studies.claims import INCONCLUSIVE, Claim
from sightline.studies.qian2025.claims import not_run
from sightline.studies.qian2025.nouns.names import RAW, RELEASED, SURGERY
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.reproduction import is_checkpoint
from sightline.studies.verdicts import BESIDE, FEWEST, Finding, at_least, headline, together

CLAIM = "C2"
FEWEST_ANNOTATED = 50
OWN_SHARE, RELEASED_SHARE = 0.8, 0.7
OWN_CRITERION = (
    f"the encoder's map of the object's name, which the query does not say, correlates more with that of [SEG] than "
    f"the map of any other name in at least {OWN_SHARE:.0%} of queries; the state at [SEG] is nearer to that of a "
    f"query for the name than to those for the image's other objects, interval above zero; {FEWEST} queries or more"
)
RELEASED_CRITERION = (
    f"the encoder's map of the object's name correlates more with that of [SEG] than those of 10 other names in at "
    f"least {RELEASED_SHARE:.0%} of {FEWEST_ANNOTATED} queries or more whose object was named by hand"
)
NO_ENCODER = "a contrastive vision-language encoder; name one under studies.qian2025.noun_encoder"
NO_NOUNS = (
    "the name of what each query asks for, which ReasonSeg does not tell; write it by hand under the key noun of the "
    f"queries' files, {FEWEST_ANNOTATED} of them or more"
)
NO_OTHERS = "states by name were not compared: the queries' files name no other objects under the key others"
EMBEDDED = "output embedding of the word"


def judge_nouns(
    compared: pd.DataFrame | None,
    embedded: pd.DataFrame,
    protocol: Protocol,
    model: str,
    dataset: str,
) -> Iterator[Claim]:
    """Rows of C2: its verdict first, or what it needs, then its numbers.

    Args:
        compared: of the judged split, as `measure.compare` gives it; None where no encoder is named.
        embedded: comparisons with the model's own words on expressions; may be empty.
        protocol: of the run.
        model: that is judged.
        dataset: how to name the queries.
    """
    base = not_run(CLAIM, model, dataset)
    beside = list(_embedded(embedded, protocol))
    if compared is None or compared.empty:
        need = NO_ENCODER if compared is None else NO_NOUNS
        yield not_run(CLAIM, model, dataset, need)
        criterion = f"decides nothing; the claim needs {need}"
    else:
        found, criterion = _judged(compared, protocol, model)
        verdicts = [one.verdict for one in found if one.decides]
        if not is_checkpoint(model) and not compared["asked"].any():
            verdicts.append(INCONCLUSIVE)
            criterion += f"; {NO_OTHERS}"
        yield headline(base, found, criterion, together(verdicts))
        for one in found:
            yield one.row(base, criterion)
    for one in beside:
        yield replace(one.row(base, criterion), variant=EMBEDDED)


def _judged(compared: pd.DataFrame, protocol: Protocol, model: str) -> tuple[list[Finding], str]:
    released = is_checkpoint(model)
    encoder, names = compared["encoder"].iloc[0], int(compared["names"].iloc[0])
    best = (
        f"{RAW}, best",
        f"share of queries whose map agrees best with the right one of {names} names'",
    )
    ten = (
        f"{RAW}, best of ten",
        "share of queries whose map agrees better with the right name's than 10 others'",
    )
    threshold = RELEASED_SHARE if released else OWN_SHARE
    main, other = (ten, best) if released else (best, ten)

    def share(column: str, metric: str) -> Finding:
        return _mean(compared, compared[column], metric, protocol, threshold)

    found = [share(*main)]
    if released and found[0].n < FEWEST_ANNOTATED:
        found = [replace(found[0], verdict=INCONCLUSIVE)]
    asked = compared[compared["asked"] > 0]
    if len(asked):
        nearer = asked["by name"] - asked["nearest other"]
        metric = "cosine of the states at [SEG] by use and by name, minus the highest with another object's name"
        states = _mean(asked, nearer, metric, protocol, 0.0)
        beside_states = [
            _mean(asked, nearer > 0, f"{BESIDE}share of queries whose state is nearest to the one by name", protocol),
            _mean(asked, asked["by name"], f"{BESIDE}cosine of the states by use and by name", protocol),
            _mean(asked, asked["mean of others"], f"{BESIDE}mean cosine with other objects' names", protocol),
        ]  # fmt: skip
        # Released checkpoints are judged by their maps alone (dossier section 7.1).
        if released:
            beside_states.insert(0, replace(states, metric=f"{BESIDE}{states.metric}"))
        else:
            found.append(states)
        found += beside_states
    beside = [
        (other[0], other[1]),
        (f"{RAW}, worst", "the same best of all with inverted maps of the names"),
        (f"{SURGERY}, best", "the same best of all with what all texts share removed, as in CLIP Surgery"),
        (f"{RELEASED}, best", "the same best of all without the encoder's final norm, as in the released code"),
        (f"{RAW}, area", "area under the curve of the right name's map on the object, half by chance"),
        (f"{RAW}, correlation", "rank correlation with the right name's map"),
        (f"{RAW}, mean of others", "mean rank correlation with other names' maps"),
    ]  # fmt: skip
    found += [
        _mean(compared, compared[column], f"{BESIDE}{metric}", protocol)
        for column, metric in beside
    ]
    criterion = RELEASED_CRITERION if released else OWN_CRITERION
    return found, f"{criterion}; maps of names: {encoder}"


def _embedded(embedded: pd.DataFrame, protocol: Protocol) -> Iterator[Finding]:
    if not embedded.empty:
        metric = (
            f"{BESIDE}share of expressions that say the word whose map agrees better with its output embedding's "
            "than 10 others'"
        )
        yield _mean(embedded, embedded["best_map"], metric, protocol)


def _mean(
    rows: pd.DataFrame, values: pd.Series, metric: str, protocol: Protocol, threshold: float | None = None
) -> Finding:  # fmt: skip
    """A mean over queries that have a value, those of one image together; without a threshold it decides nothing."""
    there = values.notna().to_numpy()
    numbers = values[there].astype(float).to_numpy()
    low, high = bootstrap_mean(numbers, rows["image"][there], protocol.seed, protocol.bootstrap)
    value = float(np.mean(numbers))
    verdict = INCONCLUSIVE if threshold is None else at_least(threshold)(value, low, high)
    return Finding(metric, value, low, high, len(numbers), verdict)


def read_compared(paths: Sequence[str], split: str) -> pd.DataFrame | None:
    """Comparisons of a split; None where there is no file, because no encoder was named."""
    if not paths:
        return None
    table = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    return table[table["split"] == split]
