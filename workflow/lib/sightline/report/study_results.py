"""What a run found about one study, for notebooks: claims, numbers behind them, figures and tables.

study = StudyResults("results/demo", "kaduri2025")
study.claims()          # one line per claim
study.show("fig2e")     # the figure, the table, or why it is not there
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sightline.errors import SightlineError
from sightline.report.items import PRODUCED
from sightline.report.papers import item_label, paper
from sightline.report.scorecard_tally import results_by_claim, tally_words
from sightline.studies.claims import Claim, read_claims
from sightline.studies.published import load_items, output_files

NUMBERS = [
    "metric",
    "published",
    "reproduced",
    "ci_low",
    "ci_high",
    "n",
    "model",
    "variant",
    "verdict",
]


_CLAIM_COLUMNS = (
    "claim", "statement", "metric", "published", "reproduced", "ci_low", "ci_high", "verdict",
)  # fmt: skip


class StudyResultsError(SightlineError):
    """Results of a study that are not there, or an item that it does not have."""


@dataclass(frozen=True)
class Shown:
    """A picture or a text that a notebook displays when it is the last line of a cell.

    Attributes:
        png: bytes of a picture; None for a text.
        text: Markdown; empty for a picture.
    """

    png: bytes | None = None
    text: str = ""

    def _repr_png_(self) -> bytes | None:
        return self.png

    def _repr_markdown_(self) -> str | None:
        return self.text or None

    def __repr__(self) -> str:
        return self.text or f"picture of {len(self.png or b'')} bytes"


class StudyResults:
    """Results of one study in the folder of a run."""

    def __init__(self, run: Path | str, study: str) -> None:
        """Find the study.

        Args:
            run: folder of a run, such as results/demo.
            study: key of the study, such as neo2025.

        Raises:
            StudyResultsError: the run holds no results of this study.
        """
        self.study, self.folder = study, Path(run) / study
        if not (self.folder / "items.csv").is_file() or not (self.folder / "claims.csv").is_file():
            raise StudyResultsError(
                f"{self.folder}: no results of {study}. Make them (snakemake --cores all {study}), or name the "
                "folder of another run."
            )
        self._rows = read_claims(self.folder / "claims.csv")
        self._items = pd.read_csv(self.folder / "items.csv", dtype=str, keep_default_na=False)

    @property
    def summary(self) -> Shown:
        """Which paper this is about, and how many of its claims held up."""
        about = paper(self.study)
        words = tally_words(results_by_claim(self._rows))
        return Shown(
            text=f"**{about.name}**, *{about.title}* ({about.place}). {about.asks}\n\n{words}"
        )

    def claims(self) -> pd.DataFrame:
        """One line per claim, in the study's order, indexed by claim: statement, number shown, verdict."""
        lines = []
        for result in results_by_claim(self._rows):
            first, shown = result.first, result.shown
            lines.append(
                {"claim": first.claim, "statement": first.statement, "metric": shown.metric}
                | {"published": shown.published, "reproduced": shown.reproduced}
                | {"ci_low": shown.ci_low, "ci_high": shown.ci_high, "verdict": result.summary}
            )
        return pd.DataFrame(lines, columns=list(_CLAIM_COLUMNS)).set_index("claim")

    def numbers(self, claim: str) -> pd.DataFrame:
        """Rows behind one claim: verdict, numbers, controls, for every variant and model.

        Raises:
            StudyResultsError: the study has no such claim.
        """
        rows: list[Claim] = [row for row in self._rows if row.claim == claim]
        if not rows:
            known = ", ".join(dict.fromkeys(row.claim for row in self._rows))
            raise StudyResultsError(f"{self.study}: no claim {claim!r}; it has {known}.")
        return pd.DataFrame([{name: getattr(row, name) for name in NUMBERS} for row in rows])

    def items(self) -> pd.DataFrame:
        """Figures, tables, numbers and pages: title, status, reason; indexed by item."""
        return self._items.set_index("item")[["kind", "title", "status", "reason"]]

    def show(self, item: str) -> Shown:
        """The picture or table of an item, or why this run has none.

        Raises:
            StudyResultsError: the study has no such item.
        """
        found = self._items[self._items["item"] == item]
        if found.empty:
            known = ", ".join(self._items["item"])
            raise StudyResultsError(f"{self.study}: no item {item!r}; it has {known}.")
        line = found.iloc[0]
        if line["status"] != PRODUCED:
            return Shown(text=f"*{item_label(item)} was not run: {line['reason']}.*")
        listed = load_items(self.study).set_index("item")
        outputs = output_files(item, listed.loc[item, "outputs"])
        for name in outputs:
            if name.endswith(".png"):
                return Shown(png=(self.folder / name).read_bytes())
        for name in outputs:
            if name.endswith(".md"):
                return Shown(text=(self.folder / name).read_text(encoding="utf-8"))
        links = ", ".join(f"[{name}]({(self.folder / name).as_posix()})" for name in outputs)
        return Shown(text=f"{line['title']}: {links}")
