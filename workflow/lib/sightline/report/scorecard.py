"""The scorecard: every claim of every study, what was published, what came out, and the verdict.

python -m sightline.report.scorecard --claims neo2025/claims.csv --out results/demo/scorecard

writes scorecard.csv (all columns), scorecard.md (for reading in a terminal or a code host),
scorecard.html (one self-contained page) and scorecard_report.html (the same without links). The CSV holds every
row; the others count claims, one verdict each (`sightline.report.scorecard_tally`), and show the rows behind them.
"""

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sightline.cli import run
from sightline.files import atomic_path
from sightline.report.papers import paper
from sightline.report.scorecard_page import gallery_links, scorecard_page
from sightline.report.scorecard_tally import (
    ClaimResult,
    caution,
    control_word,
    counted,
    is_beside,
    is_control,
    results_by_claim,
    tally_words,
)
from sightline.studies.claims import Claim, claims_frame, read_claims, short_number, write_claims
from sightline.studies.published import UNKNOWN
from sightline.studies.tables import markdown_rows

CLAIM_TITLES = (
    "claim", "statement", "paper says", "this run found", "n", "what was measured", "model", "variant", "verdict",
)  # fmt: skip
NUMBER_TITLES = (
    "claim", "number", "published", "reproduced", "n", "model", "variant", "verdict",
)  # fmt: skip
GALLERY = "site/index.html"
"""Where figures are shown, seen from the scorecard."""


def gather_claims(paths: Iterable[Path | str]) -> list[Claim]:
    """Claims of all files, by study and then by claim number (C2 before C10).

    Rows of one claim keep the order of their file. The order of the files does not matter.

    Raises:
        ClaimError: a file is malformed, or two rows are for the same claim.
    """
    claims = [claim for path in sorted(map(Path, paths)) for claim in read_claims(path)]
    claims.sort(key=lambda claim: (claim.study, _natural(claim.claim)))
    claims_frame(claims)
    return claims


def scorecard_markdown(claims: Sequence[Claim]) -> str:
    """Two tables per study: its claims with one verdict each, and the numbers behind them."""
    results = results_by_claim(claims)
    parts = [f"# Scorecard\n\n{tally_words(results)}\n"]
    if said := caution(claims):
        parts.append(f"{said}\n")
    for study in dict.fromkeys(claim.study for claim in claims):
        own = [one for one in results if one.first.study == study]
        right = [title in ("paper says", "this run found", "n") for title in CLAIM_TITLES]
        table = markdown_rows(CLAIM_TITLES, [_claim_cells(one) for one in own], right)
        parts.append(f"## {study}: {paper(study).name}\n\n{tally_words(own)}\n\n{table}")
        rows = [_number_cells(row) for one in own for row in one.rows]
        right = [title in ("published", "reproduced", "n") for title in NUMBER_TITLES]
        parts.append(f"### Numbers of {study}\n\n{markdown_rows(NUMBER_TITLES, rows, right)}")
    return "\n".join(parts)


def write_scorecard(claims: Sequence[Claim], stem: Path | str) -> None:
    """Write ``<stem>.csv``, ``.md``, ``.html`` and ``_report.html``; equal claims give equal bytes."""
    stem = Path(stem)
    write_claims(claims, stem.with_name(f"{stem.name}.csv"))
    texts = {
        ".md": scorecard_markdown(claims),
        ".html": scorecard_page(claims, gallery_links(claims, GALLERY), GALLERY),
        # A report of Snakemake holds the page, but not the gallery it would lead to.
        "_report.html": scorecard_page(claims, lambda claim: ""),
    }
    for ending, text in texts.items():
        with atomic_path(stem.with_name(f"{stem.name}{ending}")) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


def _claim_cells(result: ClaimResult) -> list[str]:
    first, shown = result.first, result.shown
    return [
        first.claim,
        first.statement,
        short_number(shown.published, UNKNOWN),
        _reproduced(shown),
        "" if shown.n is None else str(shown.n),
        shown.metric,
        first.model,
        first.variant,
        f"**{result.summary}**" + (f" ({counted(first)})" if counted(first) else ""),
    ]


def _number_cells(row: Claim) -> list[str]:
    word = control_word(row) if is_control(row) else "beside" if is_beside(row) else row.verdict
    return [
        row.claim,
        row.metric,
        short_number(row.published, UNKNOWN),
        _reproduced(row),
        "" if row.n is None else str(row.n),
        row.model,
        row.variant,
        word,
    ]


def _reproduced(row: Claim) -> str:
    reproduced = short_number(row.reproduced, "–")  # noqa: RUF001
    if row.ci_low is None:
        return reproduced
    return f"{reproduced} [{row.ci_low:.4g}, {row.ci_high:.4g}]"


def main(arguments: argparse.Namespace) -> None:
    """Gather the claims and write the four files."""
    write_scorecard(gather_claims(arguments.claims), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the scorecard of all studies.")
    parser.add_argument(
        "--claims", nargs="*", default=[], type=Path, help="claims.csv of each study"
    )
    parser.add_argument("--out", required=True, type=Path, help="path without suffix")
    run(main, parser)
