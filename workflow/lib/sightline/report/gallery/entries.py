"""The items of the studies: what each is, its files in this run, the claims that rest on it, its published numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sightline.errors import SightlineError
from sightline.report.gallery.published import published_of
from sightline.report.items import COLUMNS, PRODUCED
from sightline.report.papers import item_label
from sightline.report.scorecard_tally import ClaimResult
from sightline.studies.published import load_items, load_published, output_files
from sightline.studies.tables import read_columns


class GalleryError(SightlineError):
    """Results that make no gallery."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One item of a study.

    Attributes:
        study: key of the study.
        item: name of the item.
        kind: figure, diagram, table, number, page or text.
        title: what it shows.
        reason: why it is not there; empty if it was produced.
        files: names of its files in the study's folder; empty if it was not produced.
        claims: those that rest on it.
        published: its lines of published.csv.
    """

    study: str
    item: str
    kind: str
    title: str
    reason: str
    files: tuple[str, ...]
    claims: tuple[ClaimResult, ...]
    published: pd.DataFrame

    @property
    def key(self) -> str:
        """Name that no other item has."""
        return f"{self.study}-{self.item}"

    @property
    def label(self) -> str:
        """As the paper calls it."""
        return item_label(self.item)

    @property
    def target(self) -> str:
        """What Snakemake is asked for to make it again."""
        return f"{self.study}_{self.item}"

    def file(self, suffix: str) -> str:
        """The first file of a kind, such as png; empty without one."""
        return next((name for name in self.files if name.endswith(f".{suffix}")), "")


def read_entries(study: str, folder: Path, results: Sequence[ClaimResult]) -> list[Entry]:
    """Items of a study in the order of its list.

    Args:
        study: key of the study.
        folder: its results in this run.
        results: claims, of other studies too.

    Raises:
        GalleryError: items.csv is malformed or speaks of other items, or a file that it calls produced is absent.
    """
    path = folder / "items.csv"
    listed = read_columns(path, COLUMNS, f"list_{study}_items", GalleryError, dtype=str)
    status = listed.set_index("item")[["status", "reason"]]
    items, published = load_items(study), load_published(study)
    if list(status.index) != list(items["item"]):
        raise GalleryError(
            f"{path}: lists other items than the study has. Rebuild it (snakemake --forcerun list_{study}_items)."
        )
    stems = {
        Path(name).stem
        for row in items.itertuples()
        for name in output_files(row.item, row.outputs)
    }
    entries = []
    for row in items.itertuples(index=False):
        files = tuple(output_files(row.item, row.outputs))
        made = status.loc[row.item, "status"] == PRODUCED
        lacking = [name for name in files if made and not (folder / name).is_file()]
        if lacking:
            raise GalleryError(
                f"{path}: says that {row.item} was produced, but {folder / lacking[0]} is absent. "
                f"Rebuild it (snakemake {study}_{row.item})."
            )
        # A figure that stands for another, such as fig2a for v2_fig2, shares what was published of that one.
        names = dict.fromkeys([row.item, Path(files[0]).stem])
        own = [published_of(name, [*stems, *items["item"]], published) for name in names]
        entries.append(
            Entry(
                study=study,
                item=row.item,
                kind=row.kind,
                title=row.title,
                reason="" if made else status.loc[row.item, "reason"] or row.reason,
                files=files if made else (),
                claims=tuple(
                    one
                    for one in results
                    if one.first.study == study and any(line.item == row.item for line in one.rows)
                ),
                published=pd.concat(own),
            )
        )
    return entries
