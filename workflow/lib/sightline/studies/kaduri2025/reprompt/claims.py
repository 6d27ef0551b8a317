"""Claims C10, C11, C12 and C15 of kaduri2025: what a compressed context is worth.

The criteria are those of the dossier's section 6: for the paper's own model the windows that its values should lie in
(`sightline.studies.kaduri2025.value_windows`), for every other one thresholds. A subtask that the model does not
answer well with the image in sight says nothing about a context, so verdicts rest on the average over subtasks that
pass the gate; with fewer than six of them, or fewer than thirty pictures, a claim is inconclusive, as not testable on
this model. C12 needs a reader that answers at all.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    REPLICATED,
    Claim,
    write_claims,
)
from sightline.studies.kaduri2025.paper_models import (
    MAIN_MODEL,
    SECOND_MODEL,
    named_model,
    paper_models,
)
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.reprompt import methods
from sightline.studies.kaduri2025.reprompt.effects import (
    AVERAGE,
    COMPLEMENT,
    FOLLOW_UP,
    GATED,
    OVER_DESCRIPTION,
    OVER_RANDOM,
    RATIO,
    RATIO_PLUS,
    RETAINED,
    read_comparisons,
    read_effects,
)
from sightline.studies.kaduri2025.reprompt.model_table import (
    FEWEST_PICTURES,
    FEWEST_SUBTASKS,
    Table,
)
from sightline.studies.kaduri2025.reprompt.questions import MME, POPE
from sightline.studies.kaduri2025.reprompt.settings import Settings
from sightline.studies.kaduri2025.reprompt.tab1 import ITEM
from sightline.studies.kaduri2025.value_windows import value_windows, windows_criterion
from sightline.studies.published import find_published, load_published
from sightline.studies.verdicts import at_least, together

STATEMENTS = {
    "C10": "A compressed context (query and top 5 % of the image tokens) answers new questions nearly as well as the "
    "image itself",
    "C11": "Query tokens and the most attended image tokens complement each other",
    "C12": "The compressed context beats a description of the image given to a language model",
    "C15": "Compression works much less well on LLaVA-1.5-7B than on InternVL2-76B",
}
CRITERIA = {
    "C10": "chance-corrected ACC of the context at least 0.85 of full access, lower bound above 0.6; refuted below 0.6",
    "C11": "both minus the better of the two at least 5 points, interval above 0",
    "C12": "context minus description: interval above 0; testable only where the reader answers yes or no to at least "
    "half of the questions",
    "C15": "chance-corrected ratio of the second model below the first's, intervals apart; a statement about these two "
    "models, backed by a reader's remark without numbers",
}
# Which share a claim speaks of: the largest or the smallest.
LARGEST, SMALLEST = 0, -1
RETAINED_AT_LEAST, RETAINED_REFUTED, GAIN, READS = 0.85, 0.6, 5.0, 50.0


@dataclass(frozen=True)
class Outcome:
    """What became of a claim.

    Attributes:
        verdict: on the number that decides.
        deciding: its row of the comparisons.
        others: further rows, which decide nothing.
        untestable: what is lacking; empty where nothing is.
    """

    verdict: str
    deciding: pd.Series
    others: Sequence[pd.Series]
    untestable: str = ""


def find_c10(table: Table) -> Outcome | None:
    """How much is kept, corrected for chance."""
    share = table.shares[LARGEST]
    found = _deciding(table, RETAINED, share)
    if found is None:
        return None
    value, low, high = found[["value", "ci_low", "ci_high"]]
    if value >= RETAINED_AT_LEAST and low > RETAINED_REFUTED:
        verdict = REPLICATED
    else:
        refuted = value < RETAINED_REFUTED and high < RETAINED_AT_LEAST
        verdict = NOT_REPLICATED if refuted else INCONCLUSIVE
    others = [
        table.row(name, share, found["subtasks"]) for name in (RATIO, RATIO_PLUS, OVER_RANDOM)
    ]
    others += [
        table.row(RETAINED, table.shares[SMALLEST], found["subtasks"]),
        table.row(FOLLOW_UP, 100.0, found["subtasks"]),
        table.row(RETAINED, share, AVERAGE) if found["subtasks"] != AVERAGE else None,
        table.row(RETAINED, share, AVERAGE, POPE),
    ]
    return _outcome(table, verdict, found, others)


def find_c11(table: Table) -> Outcome | None:
    """Both against the better one, with few tokens."""
    share = table.shares[SMALLEST]
    found = _deciding(table, COMPLEMENT, share)
    if found is None:
        return None
    verdict = at_least(GAIN)(*found[["value", "ci_low", "ci_high"]])
    others = [
        table.row(COMPLEMENT, table.shares[LARGEST], found["subtasks"]),
        table.row(COMPLEMENT, share, AVERAGE) if found["subtasks"] != AVERAGE else None,
        table.row(COMPLEMENT, share, AVERAGE, POPE),
    ]
    return _outcome(table, verdict, found, others)


def find_c12(table: Table) -> Outcome | None:
    """Context against description."""
    share = table.shares[LARGEST]
    found = _deciding(table, OVER_DESCRIPTION, share)
    if found is None:
        return None
    verdict = at_least(0)(*found[["value", "ci_low", "ci_high"]])
    cell = table.effect(methods.DESCRIBE, found["subtasks"])
    reads = 0.0 if cell is None else 100 - cell["unclear"]
    reasons = (
        [f"the reader of descriptions answers yes or no to {reads:.0f} % of the questions"]
        if reads < READS
        else []
    )
    others = [
        table.row(OVER_DESCRIPTION, table.shares[SMALLEST], found["subtasks"]),
        table.row(OVER_DESCRIPTION, share, AVERAGE, POPE),
    ]
    return _outcome(table, verdict, found, others, reasons)


FINDERS = {"C10": find_c10, "C11": find_c11, "C12": find_c12}


def _deciding(table: Table, comparison: str, share: float) -> pd.Series | None:
    """On gated subtasks where there are any; else on all, to show a number that decides nothing."""
    found = table.row(comparison, share, GATED)
    return table.row(comparison, share, AVERAGE) if found is None else found


def _outcome(
    table: Table,
    verdict: str,
    found: pd.Series,
    others: Iterable[pd.Series | None],
    reasons: Sequence[str] = (),
) -> Outcome:
    lacking = [*table.lacking(), *reasons]
    if pd.isna(found["value"]) or pd.isna(found["ci_low"]):
        lacking.append("with the image in sight, answers are no better than chance")
    present = [one for one in others if one is not None]
    return Outcome(INCONCLUSIVE if lacking else verdict, found, present, "; ".join(lacking))


def judge_claim(claim: str, table: Table, published: pd.DataFrame, base: Claim) -> Iterator[Claim]:
    """Rows of one claim: the number that decides, then the others."""
    outcome = FINDERS[claim](table)
    if outcome is None:
        yield base
        return
    own = named_model(table.model)
    judged = in_windows(claim, table, outcome, published, own)
    asked = windows_criterion(claim, published, own) if judged else CRITERIA[claim]
    criterion = (
        f"{asked}; {FEWEST_SUBTASKS} subtasks that pass the gate, {FEWEST_PICTURES} pictures"
    )
    if outcome.untestable:
        criterion += f"; not testable here: {outcome.untestable}"
    verdict = outcome.verdict
    if judged and not outcome.untestable:
        verdict = together([one for _, one in judged])
    # The first row carries the verdict over all windows, further ones their own.
    (first, _), *further = judged or [(outcome.deciding, verdict)]
    yield _row(base, first, published, table, criterion, verdict)
    for row, its_own in further:
        yield _row(base, row, published, table, asked, its_own)
    shown = {first.name, *(row.name for row, _ in further)}
    for other in (outcome.deciding, *outcome.others):
        if other.name not in shown:
            criterion = "reported beside the claim, decides nothing"
            yield _row(base, other, published, table, criterion, INCONCLUSIVE)


def in_windows(
    claim: str, table: Table, outcome: Outcome, published: pd.DataFrame, own: str
) -> list[tuple[pd.Series, str]]:
    """Comparisons of one of the paper's models whose values should lie in a window, each with its verdict."""
    share, subtasks = outcome.deciding[["share", "subtasks"]]
    rows = [(one, table.row(one.number, share, subtasks)) for one in value_windows(claim, own)]
    return [
        (row, one.verdict(published, own)(*row[["value", "ci_low", "ci_high"]]))
        for one, row in rows
        if row is not None
    ]


def _row(
    base: Claim,
    row: pd.Series,
    published: pd.DataFrame,
    table: Table,
    criterion: str,
    verdict: str,
) -> Claim:
    name, share = row["comparison"], row["share"]
    main = {COMPLEMENT: table.shares[SMALLEST]}.get(name, table.shares[LARGEST])
    printed = find_published(published, ITEM, table.paper, "derived", name)
    known = printed.value is not None and share == main and row["set"] == MME
    unit = "" if "ratio" in name else " (points)"
    tokens = "all tokens" if share == 100 else f"top {share:g} %"
    group = "all subtasks" if row["subtasks"] == AVERAGE else row["subtasks"]
    return replace(
        base,
        metric=f"{row['set'].upper()}, {tokens}: {name}{unit}, {group}",
        published=printed.value if known else None,
        published_source=f"{printed.source} ({printed.trust})" if known else "",
        reproduced=float(row["value"]),
        ci_low=float(row["ci_low"]),
        ci_high=float(row["ci_high"]),
        n=int(row["n_images"]),
        criterion=criterion,
        verdict=verdict,
    )


def judge_second(tables: Sequence[Table], base: Claim) -> Claim:
    """C15: LLaVA-1.5-7B beside InternVL2-76B; without them the second model beside the first."""
    if len(tables) < 2:
        return base
    # Of several entries of one checkpoint the first counts.
    named = {named_model(table.model): table for table in reversed(tables)}
    known = MAIN_MODEL in named and SECOND_MODEL in named
    pair = (named[MAIN_MODEL], named[SECOND_MODEL]) if known else tuple(tables[:2])
    first, second = (_deciding(table, RETAINED, table.shares[LARGEST]) for table in pair)
    if first is None or second is None:
        return base
    difference = float(second["value"] - first["value"])
    lacking = [reason for table in pair for reason in table.lacking()]
    if not known:
        lacking.append(f"these are {pair[0].model} and {pair[1].model}")
    verdict = INCONCLUSIVE
    if not lacking:
        apart = second["ci_high"] < first["ci_low"]
        verdict = REPLICATED if apart else NOT_REPLICATED if difference >= 0 else INCONCLUSIVE
    criterion = CRITERIA["C15"] + (f"; not testable here: {'; '.join(lacking)}" if lacking else "")
    return replace(
        base,
        metric=f"{RETAINED} of {pair[1].model} minus that of {pair[0].model}",
        published="far weaker",
        published_source="a reader's note (second-hand), no number",
        reproduced=difference,
        n=int(min(first["n_images"], second["n_images"])),
        model=pair[1].model,
        criterion=criterion,
        verdict=verdict,
    )


def judge_reprompting(
    effects: pd.DataFrame | None,
    comparisons: pd.DataFrame | None,
    published: pd.DataFrame,
    models: Sequence[str],
    settings: Settings | None,
    dataset: str,
) -> Iterator[Claim]:
    """All rows; without measurements, what would give them.

    Args:
        effects: of `sightline.studies.kaduri2025.reprompt.effects.summarise`; None where no question set is configured.
        comparisons: of its ``compare``.
        published: of `sightline.studies.published.load_published`.
        models: keys, the one that stands for the paper's first; C10 to C12 are judged on each.
        settings: of re-prompting.
        dataset: as the scorecard shows it.
    """
    for claim, statement in STATEMENTS.items():
        for model in models if claim in FINDERS else models[:1]:
            base = Claim.not_run(
                study="kaduri2025",
                claim=claim,
                statement=statement,
                item=ITEM if model == models[0] else "tabS1",
                metric="accuracy over a compressed context",
                model=model,
                dataset=dataset,
                variant="cache of the prompt, original rotary positions",
                need="needs a second model under studies.kaduri2025.models"
                if claim == "C15" and settings is not None
                else "needs yes/no pairs in MME's format: datasets.mme",
            )
            if effects is None or comparisons is None or settings is None:
                yield base
                continue
            tables = [
                Table(effects, comparisons, key, settings.shares, settings.gate, paper)
                for key, paper in paper_models(models).items()
            ]
            if claim in FINDERS:
                yield from judge_claim(claim, tables[models.index(model)], published, base)
            else:
                yield judge_second(tables, base)


def main(options: argparse.Namespace) -> None:
    """Write the scorecard rows of this part."""
    measured = options.effects is not None
    settings = Settings.of(Protocol.read(options.protocol)) if measured else None
    claims = judge_reprompting(
        read_effects(options.effects) if measured else None,
        read_comparisons(options.comparisons) if measured else None,
        load_published("kaduri2025"),
        options.models,
        settings,
        options.dataset_name,
    )
    write_claims(claims, options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effects", type=Path)
    parser.add_argument("--comparisons", type=Path)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument(
        "--models", nargs="*", required=True, help="keys, the paper's main model first"
    )
    parser.add_argument("--dataset-name", default="mme", help="as the scorecard shows it")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
