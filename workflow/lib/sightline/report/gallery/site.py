"""The gallery: every figure, table, number and page of a run on one page that opens from its folder.

python -m sightline.report.gallery.site --run results/demo --studies qian2025 --record results/demo/run.json \
    --out results/demo/site/index.html

writes index.html, scorecard.html and the folder files beside it, which hold all that they show and lead to: the
folder can be moved or sent alone. Equal results and an equal record (`sightline.report.gallery.record`) give equal
bytes: nothing is taken from the clock or the machine.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from sightline.cli import run
from sightline.files import atomic_path
from sightline.report.gallery.articles import CLAIMS_PAGE, article, origin_html, origin_rows
from sightline.report.gallery.copies import Copies, Picture
from sightline.report.gallery.entries import Entry, GalleryError, read_entries
from sightline.report.gallery.markdown import table_cells
from sightline.report.pages.page import FILES, page
from sightline.report.pages.result_templates import GALLERY
from sightline.report.papers import paper
from sightline.report.scorecard_page import (
    MARKS,
    gallery_links,
    scorecard_page,
    tally_bar,
    verdict_pill,
)
from sightline.report.scorecard_tally import (
    ClaimResult,
    caution,
    results_by_claim,
    tally,
    tally_words,
)
from sightline.studies.claims import Claim, read_claims

FILES_FOLDER = "files"
TILE_ROWS, TILE_COLUMNS = 6, 4
"""Cells of a table that stand for it in the overview."""
TILE_LETTERS = 400
"""The same of a text."""

SUMMARY = Template("""<div class="card study-card">
<h3><a href="#study-$study">$name</a></h3>
<p class="asks">$asks</p>
$bar<p class="note"><a href="$claims#$study">$tally</a></p>
<p class="items">$items</p>
</div>""")

STUDY = Template("""<section class="study" id="study-$study" data-study="$study" aria-labelledby="study-$study-title">
<h2 id="study-$study-title" tabindex="-1">$name <small>$title · $place</small></h2>
<div class="cards">
$cards
</div>
$absent
</section>""")

CARD = Template("""<a class="card item" href="#$key" data-kind="$kind" data-text="$text">
<span class="tile">$tile</span>
<span class="line"><strong>$label</strong> $verdicts</span>
<span class="title">$title</span></a>""")


def gallery_page(
    entries: Mapping[str, Sequence[Entry]],
    articles: Sequence[str],
    tiles: Mapping[str, str],
    explorers: Sequence[tuple[Entry, str]],
    results: Sequence[ClaimResult],
    record: Mapping[str, Any],
) -> str:
    """The page's HTML.

    Args:
        entries: study -> its items.
        articles: HTML of the items that were produced.
        tiles: key -> what stands for an item in the overview, HTML.
        explorers: pages to look around in, with their addresses.
        results: claims of all studies.
        record: what `sightline.report.gallery.record` wrote.
    """
    produced = sum(not one.reason for items in entries.values() for one in items)
    total = sum(map(len, entries.values()))
    html = {
        "by_study": "".join(_study_buttons(list(entries))),
        "by_kind": "".join(_kind_buttons(entries)),
        "summaries": "\n".join(_summary(study, items, results) for study, items in entries.items()),
        "explorers": _explorers(explorers),
        "studies": "\n".join(_study(study, items, tiles) for study, items in entries.items()),
        "articles": "\n".join(articles),
        "origin": origin_html(_run_rows(record)),
        "bar": tally_bar(results),
        "tally": _tally(results),
    }
    texts = {
        "run": record["run"],
        "date": record["date"],
        "produced": produced,
        "total": total,
        "claims": CLAIMS_PAGE,
        "words": tally_words(results),
        "caution": caution(row for one in results for row in one.rows),
    }
    title = f"{record['run']} · Sightline"
    return page(GALLERY, title, texts, html, policy=FILES)


def write_gallery(
    run_folder: Path, studies: Sequence[str], record: Mapping[str, Any], out: Path
) -> None:
    """Write the page, its scorecard and all files they lead to.

    Args:
        run_folder: results of the run.
        studies: keys of the studies, in the order they are shown.
        record: what `sightline.report.gallery.record` wrote.
        out: the page; its folder is the gallery's own.

    Raises:
        GalleryError: results that do not fit together.
    """
    claims = [row for study in studies for row in read_claims(run_folder / study / "claims.csv")]
    results = results_by_claim(claims)
    entries = {study: read_entries(study, run_folder / study, results) for study in studies}
    copies = Copies(run_folder, out.parent / FILES_FOLDER)
    tiles, articles, explorers = {}, [], []
    for study, items in entries.items():
        folder = run_folder / study
        made = [one for one in items if not one.reason]
        for number, entry in enumerate(made):
            picture = copies.picture(entry)
            addresses = {name: copies.file(study, name) for name in entry.files}
            tiles[entry.key] = _tile(entry, folder, picture)
            if page_file := entry.file("html"):
                explorers.append((entry, addresses[page_file]))
            turn = _turn(made, number)
            numbers = copies.published(entry)
            articles.append(article(entry, folder, picture, addresses, numbers, record, turn))
    _write(gallery_page(entries, articles, tiles, explorers, results, record), out)
    _write(_scorecard(claims, out.name), out.with_name(CLAIMS_PAGE))


def _scorecard(claims: Sequence[Claim], gallery: str) -> str:
    return scorecard_page(claims, gallery_links(claims, gallery), gallery)


def _summary(study: str, items: Sequence[Entry], results: Sequence[ClaimResult]) -> str:
    own = [one for one in results if one.first.study == study]
    links = " ".join(
        f'<a href="#{escape(one.key)}">{escape(one.label)}</a>' for one in items if not one.reason
    )
    about = paper(study)
    texts = {"study": study, "name": about.name, "asks": about.asks, "claims": CLAIMS_PAGE}
    return SUMMARY.substitute(
        {name: escape(text) for name, text in texts.items()},
        tally=escape(tally_words(own)),
        bar=tally_bar(own),
        items=links or "Nothing was produced.",
    )


def _explorers(explorers: Sequence[tuple[Entry, str]]) -> str:
    if not explorers:
        return ""
    links = "\n".join(
        f'<a class="card" href="{escape(address)}"><strong>{escape(entry.title)}</strong>'
        f"<span>{escape(paper(entry.study).name)} · {escape(entry.label)}</span></a>"
        for entry, address in explorers
    )
    return (
        '<section id="explorers" aria-labelledby="explorers-title"><h2 id="explorers-title">Look around</h2>\n'
        f'<div class="explorers">{links}</div></section>'
    )


def _study(study: str, items: Sequence[Entry], tiles: Mapping[str, str]) -> str:
    about = paper(study)
    cards = "\n".join(_card(one, tiles[one.key]) for one in items if not one.reason)
    absent = "\n".join(
        f'<li id="{escape(one.key)}" tabindex="-1" data-kind="{escape(one.kind)}" data-text="{escape(_text(one))}">'
        f"<strong>{escape(one.label)}</strong> {escape(one.title)}. <em>Not run: {escape(one.reason)}</em></li>"
        for one in items
        if one.reason
    )
    texts = {"study": study, "name": about.name, "title": about.title, "place": about.place}
    return STUDY.substitute(
        {name: escape(text) for name, text in texts.items()},
        cards=cards,
        absent=f'<h3 class="absent">Not in this run</h3><ul class="absent">{absent}</ul>'
        if absent
        else "",
    )


def _card(entry: Entry, tile: str) -> str:
    verdicts = "".join(_dot(one) for one in entry.claims)
    texts = {
        "key": entry.key,
        "kind": entry.kind,
        "text": _text(entry),
        "label": entry.label,
        "title": entry.title,
    }
    return CARD.substitute(
        {name: escape(text) for name, text in texts.items()}, tile=tile, verdicts=verdicts
    )


def _dot(result: ClaimResult) -> str:
    mark, sign = MARKS[result.verdict]
    said = f"{result.first.claim} {result.summary}"
    return (
        f'<span class="dot {mark}" title="{escape(said)}"><span aria-hidden="true">{sign}</span>'
        f'<span class="hidden">{escape(said)}</span></span>'
    )


def _text(entry: Entry) -> str:
    """What the search looks through."""
    parts = [entry.study, paper(entry.study).name, entry.item, entry.label, entry.kind, entry.title]
    parts += [one.first.statement for one in entry.claims]
    return " ".join(parts).lower()


def _tile(entry: Entry, folder: Path, picture: Picture | None) -> str:
    if picture is not None:
        return (
            f'<img src="{escape(picture.small)}" alt="" loading="lazy" decoding="async" '
            f'class="{"wide" if picture.width > 2.2 * picture.height else "full"}">'
        )
    name = entry.file("md")
    text = (folder / name).read_text(encoding="utf-8") if name else ""
    if cells := table_cells(text):
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line[:TILE_COLUMNS])}</tr>"
            for line in cells[:TILE_ROWS]
        )
        return f'<span class="table" aria-hidden="true"><table role="presentation">{rows}</table></span>'
    if text:
        return f'<span class="words" aria-hidden="true">{escape(text[:TILE_LETTERS])}</span>'
    return f'<span class="kind" aria-hidden="true">{escape(entry.kind)}</span>'


def _turn(items: Sequence[Entry], number: int) -> str:
    parts = ['<a class="all" href="#overview">All results</a>']
    if number > 0:
        before = items[number - 1]
        parts.insert(
            0,
            f'<a class="before" rel="prev" href="#{escape(before.key)}">← {escape(before.label)}</a>',
        )
    if number + 1 < len(items):
        after = items[number + 1]
        parts.append(
            f'<a class="after" rel="next" href="#{escape(after.key)}">{escape(after.label)} →</a>'
        )
    return " ".join(parts)


def _study_buttons(studies: Sequence[str]) -> list[str]:
    choices = [("", "all studies", "true")]
    choices += [(study, paper(study).name, "false") for study in studies]
    return [
        f'<button type="button" data-study="{escape(study)}" aria-pressed="{pressed}">{escape(name)}</button>'
        for study, name, pressed in choices
    ]


def _kind_buttons(entries: Mapping[str, Sequence[Entry]]) -> list[str]:
    found = dict.fromkeys(one.kind for items in entries.values() for one in items)
    choices = [("", "all kinds", "true"), *((kind, f"{kind}s", "false") for kind in found)]
    return [
        f'<button type="button" data-kind="{escape(kind)}" aria-pressed="{pressed}">{escape(name)}</button>'
        for kind, name, pressed in choices
    ]


def _tally(results: Sequence[ClaimResult]) -> str:
    return " ".join(
        f"{verdict_pill(name, f'{count} {name}')}"
        for name, count in tally(results).items()
        if count
    )


def _run_rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    studies = {
        study
        for kind in ("checkpoints", "data")
        for one in record[kind].values()
        for study in one["studies"]
    }
    rows: dict[tuple[str, str], None] = {}
    for study in sorted(studies) or [""]:
        rows |= dict.fromkeys(origin_rows(study, record))
    last = next(row for row in rows if row[0] == "Versions")
    return [*(row for row in rows if row is not last), last]


def _write(text: str, path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def main(arguments: argparse.Namespace) -> None:
    """Read the record and write the gallery."""
    try:
        record = json.loads(arguments.record.read_text())
    except (OSError, ValueError) as error:
        raise GalleryError(
            f"{arguments.record}: cannot be read ({error}). Write it again (snakemake --forcerun record_run)."
        ) from None
    write_gallery(arguments.run, arguments.studies, record, arguments.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the gallery of a run.")
    parser.add_argument("--run", required=True, type=Path, help="folder of the run")
    parser.add_argument("--studies", nargs="*", default=[], help="keys of the studies, as shown")
    parser.add_argument("--record", required=True, type=Path, help="run.json of the run")
    parser.add_argument(
        "--out", required=True, type=Path, help="index.html; its folder is the gallery's own"
    )
    run(main, parser)
