"""The scorecard: every claim of every study, what was published, what came out, and the verdict.

python -m sightline.report.scorecard --claims neo2025/claims.csv --out results/demo/scorecard

writes scorecard.csv (all columns), scorecard.md (for reading in a terminal or a code host) and
scorecard.html (one self-contained page).
"""

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sightline.cli import run
from sightline.files import atomic_path
from sightline.report.scorecard_page import scorecard_page
from sightline.studies.claims import (
    VERDICTS,
    Claim,
    claims_frame,
    read_claims,
    short_number,
    write_claims,
)
from sightline.studies.published import UNKNOWN
from sightline.studies.tables import markdown_rows

MARKDOWN_TITLES = ("claim", "statement", "published", "reproduced", "n", "model", "verdict")
MARKDOWN_RIGHT = (False, False, True, True, True, False, False)


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
    """One Markdown table per study, preceded by how many rows got which verdict."""
    counts = [sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS]
    tally = " · ".join(f"{count} {name}" for count, name in zip(counts, VERDICTS, strict=True))
    parts = [f"# Scorecard\n\n{tally}\n"]
    for study in dict.fromkeys(claim.study for claim in claims):
        cells = [_markdown_cells(claim) for claim in claims if claim.study == study]
        parts.append(f"## {study}\n\n{markdown_rows(MARKDOWN_TITLES, cells, MARKDOWN_RIGHT)}")
    return "\n".join(parts)


def write_scorecard(claims: Sequence[Claim], stem: Path | str) -> None:
    """Write ``<stem>.csv``, ``.md`` and ``.html``; equal claims give equal bytes."""
    stem = Path(stem)
    write_claims(claims, stem.with_name(f"{stem.name}.csv"))
    for suffix, text in (("md", scorecard_markdown(claims)), ("html", scorecard_page(claims))):
        with atomic_path(stem.with_name(f"{stem.name}.{suffix}")) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


def _markdown_cells(claim: Claim) -> list[str]:
    reproduced = short_number(claim.reproduced, "–")  # noqa: RUF001
    if claim.ci_low is not None:
        reproduced += f" [{claim.ci_low:.4g}, {claim.ci_high:.4g}]"
    return [
        claim.claim,
        f"{claim.statement} ({claim.metric}; {claim.variant})"
        if claim.variant
        else claim.statement,
        short_number(claim.published, UNKNOWN),
        reproduced,
        "" if claim.n is None else str(claim.n),
        claim.model,
        f"**{claim.verdict}**",
    ]


def main(arguments: argparse.Namespace) -> None:
    """Gather the claims and write the three files."""
    write_scorecard(gather_claims(arguments.claims), arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the scorecard of all studies.")
    parser.add_argument(
        "--claims", nargs="*", default=[], type=Path, help="claims.csv of each study"
    )
    parser.add_argument("--out", required=True, type=Path, help="path without suffix")
    run(main, parser)
