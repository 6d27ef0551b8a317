"""Findings on training: segmenters trained alike but for one part, and whether a checkpoint uses its points."""

from dataclasses import replace

from sightline.studies.claims import INCONCLUSIVE, NOT_REPLICATED, REPLICATED
from sightline.studies.qian2025.evidence import FEWEST_SEEDS, Tables, beside, minus, own_key, reach
from sightline.studies.qian2025.masks.names import ANOTHER_IMAGE, OWN, OWN_WITH_POINTS, PUBLISHED
from sightline.studies.qian2025.resampling import Draws, Estimate, resample
from sightline.studies.verdicts import BESIDE, Finding, at_most


def trained_difference(
    tables: Tables, one: str, two: str, metric: str, least: float = 0.0
) -> Finding | None:
    """Points of gIoU between two trained variants, None if one is not trained.

    Their common seeds are pooled; queries and trainings are resampled.
    """
    here, seeds = tables.variants, _common_seeds(tables, one, two)
    if not seeds:
        return None
    some = here[here["variant"].isin((one, two)) & here["seed"].isin(seeds)]
    some = some.assign(row=some["number"].astype(str) + "-" + some["seed"].astype(str))
    protocol = tables.protocol
    scores = resample(
        some, ["variant"], "row", "number", protocol.bootstrap, protocol.seed, crossed="seed"
    )
    found = scores.combine(minus, ((one,), "giou"), ((two,), "giou"))
    finding = reach(f"{metric}, {len(seeds)} trainings each", found, least)
    short = len(seeds) < FEWEST_SEEDS
    return replace(finding, verdict=INCONCLUSIVE) if short else finding


def _common_seeds(tables: Tables, one: str, two: str) -> set[int]:
    here = tables.variants
    if here.empty:
        return set()
    first, second = (set(here.loc[here["variant"] == name, "seed"]) for name in (one, two))
    return first & second


def find_c5(tables: Tables) -> list[Finding]:
    """Points with everything against none."""
    if "C5" not in tables.criteria:
        return []
    least = tables.criteria["C5"].limits["gain"]
    metric = "gIoU with points minus that without"
    found = trained_difference(tables, "points-dtoc", "seg", metric, least)
    return [found] if found else []


def find_c9(tables: Tables) -> list[Finding]:
    """Each part on its own; of a checkpoint, whether it uses its points."""
    if "use" in tables.criteria["C9"].limits:
        return _uses_points(tables) if own_key(tables)[0] == OWN_WITH_POINTS else []
    steps = (
        ("points", "seg", "gIoU with points minus [SEG] alone"),
        ("points-dtoc", "points", "gIoU with continuous points minus others"),
        ("points-dtoc-cells", "points", f"{BESIDE}gIoU with points continuous on cells minus others"),
        ("points-truth", "seg", f"{BESIDE}gIoU with points of the truth minus [SEG] alone"),
    )  # fmt: skip
    found = []
    for one, two, metric in steps:
        step = trained_difference(tables, one, two, metric)
        if step is None:
            continue
        # A step to continuous points that cannot be told from none has not been replicated (dossier section 7.2).
        enough = len(_common_seeds(tables, one, two)) >= FEWEST_SEEDS
        nothing = step.low is not None and step.low <= 0
        if two == "points" and enough and nothing:
            step = replace(step, verdict=NOT_REPLICATED)
        found.append(step)
    return found


def _uses_points(tables: Tables) -> list[Finding]:
    """A model taught with points, given others and none (dossier section 7.1)."""
    limits, none = tables.criteria["C9"].limits, ((OWN, PUBLISHED), "giou")

    def given(name: str) -> tuple[tuple[str, str], str]:
        return (OWN_WITH_POINTS, name), "giou"

    def against(one: tuple[tuple[str, str], str], two: tuple[tuple[str, str], str]) -> Estimate:
        return tables.scores.combine(minus, one, two)

    used = against(given(PUBLISHED), none)
    found = [
        reach("gIoU of a model taught with points, minus that without them", used, limits["use"])
    ]
    for name in (ANOTHER_IMAGE, "random"):
        # Turned round: what is asked for is that wrong points do harm.
        harm = against(none, given(name))
        found.append(reach(f"gIoU without points, minus that with points: {name}", harm, 0.0))

    def apart(one: Draws, two: Draws) -> Draws:
        return abs(minus(one, two))

    inert = tables.scores.combine(apart, given(PUBLISHED), given("not continuous"))
    verdict = at_most(limits["inert"])(inert.value, inert.low, inert.high)
    metric = f"gIoU with and without continuous points, apart by at most {limits['inert']:g}"
    neutral = against(given("all neutral"), none)
    found.append(beside(metric, inert, verdict))
    metric = "gIoU with points that are all neutral, minus that without"
    return [*found, beside(metric, neutral, found[0].verdict)]


def find_c10(tables: Tables) -> list[Finding]:
    """Rises of cIoU with size, per training."""
    here = tables.variants
    if here.empty or "C10" not in tables.criteria:
        return []
    names = ("decoder-small", "points-dtoc", "decoder-large")
    sums = here.groupby(["seed", "variant"])[["intersection", "union"]].sum()
    ratio = (sums["intersection"] / sums["union"]).unstack()
    if not set(names) <= set(ratio) or ratio[list(names)].dropna().empty:
        return []
    rising = ratio[list(names)].dropna()
    steps = (rising.diff(axis=1).iloc[:, 1:] > 0).all(axis=1)
    value, n = float(steps.mean()), int(here["number"].nunique())
    enough = len(steps) >= FEWEST_SEEDS
    verdict = (
        (REPLICATED if value >= tables.criteria["C10"].limits["share"] else NOT_REPLICATED)
        if enough
        else INCONCLUSIVE
    )
    metric = f"share of {len(steps)} trainings whose cIoU rises with size"
    return [Finding(metric, value, None, None, n, verdict)]
