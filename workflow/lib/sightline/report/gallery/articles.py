"""One item of the gallery as HTML: what it shows, the numbers beside it, its data, how to make it again, its origin."""

import csv
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from sightline.report.gallery.copies import Picture
from sightline.report.gallery.entries import Entry
from sightline.report.gallery.markdown import table_html, to_html
from sightline.report.gallery.published import PublishedTable, published_tables
from sightline.report.papers import paper
from sightline.report.scorecard_page import DASH, interval_text, verdict_pill
from sightline.report.scorecard_tally import ClaimResult, is_beside, is_control
from sightline.studies.claims import Claim, short_number
from sightline.studies.published import UNKNOWN

SHOWN_LINES = 12
"""Lines of a CSV that stand in the page; the rest is one click away."""
SHOWN_CELLS = 600
"""Published numbers that stand in the page."""
CLAIMS_PAGE = "scorecard.html"

ARTICLE = Template("""<article id="$key" data-title="$label" aria-labelledby="$key-title">
<p class="path"><a href="#study-$study">$name</a></p>
<h2 id="$key-title" tabindex="-1">$label <small>$title</small></h2>
<div class="board">
<div class="seen">
$seen
</div>
<div class="told">
$panels
</div>
</div>
<p class="turn">$turn</p>
</article>""")

PANEL = Template("""<section class="panel $kind"><h3>$title</h3>
$body</section>""")


def article(
    entry: Entry,
    folder: Path,
    picture: Picture | None,
    addresses: Mapping[str, str],
    numbers: str,
    record: Mapping[str, Any],
    turn: str,
) -> str:
    """The HTML of an item.

    Args:
        entry: the item.
        folder: its study's results, where tables and texts are read.
        picture: its picture, if it has one.
        addresses: name -> address in the gallery of its files.
        numbers: address of its published numbers; empty if there are none.
        record: what `sightline.report.gallery.record` wrote.
        turn: links to its neighbours, HTML.
    """
    panels = [
        ("claims", "Claims that rest on it", _claims(entry)),
        ("published", "Published numbers", _published(entry, numbers)),
        ("data", "Data behind it", _data(entry, folder, addresses)),
        ("again", "Make it again", _again(entry, record)),
        ("origin", "Where it comes from", _origin(entry.study, record)),
    ]
    texts = {
        "key": entry.key,
        "study": entry.study,
        "name": paper(entry.study).name,
        "label": entry.label,
        "title": entry.title,
    }
    return ARTICLE.substitute(
        {name: escape(text) for name, text in texts.items()},
        seen=_seen(entry, folder, picture, addresses),
        panels="\n".join(
            PANEL.substitute(kind=kind, title=title, body=body)
            for kind, title, body in panels
            if body
        ),
        turn=turn,
    )


def published_html(table: PublishedTable) -> str:
    """A table of published numbers with its notes; notes are numbered where there are several."""
    several = len(table.notes) > 1

    def cell(found: tuple[str, int] | None) -> str:
        if found is None:
            return "<td></td>"
        text, note = found
        mark = f"<sup>{note}</sup>" if several else ""
        return f'<td class="number">{escape(text)}{mark}</td>'

    head = "".join(f'<th scope="col" class="number">{escape(one)}</th>' for one in table.columns)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(model)}<small>{escape(row)}</small></th>'
        f"{''.join(map(cell, cells))}</tr>"
        for model, row, cells in table.rows
    )
    notes = "".join(
        f"<li>{escape(note)}</li>" if several else f"<p>{escape(note)}</p>" for note in table.notes
    )
    notes = f"<ol>{notes}</ol>" if several else notes
    return (
        f'{_scroll(f"Published numbers, {table.name}")}<table><thead><tr><th scope="col">{escape(table.name)}</th>'
        f'{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div><div class="note">{notes}</div>'
    )


def command(entry: Entry, record: Mapping[str, Any]) -> str:
    """The command that makes an item again."""
    # Options last: one that takes several values would swallow the target.
    return f"snakemake --cores 1 {entry.target} {record['options']}".strip()


def origin_rows(study: str, record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the results of a study were made with: name and text."""
    commit = record["commit"]
    rows = [
        ("Run", f"{record['run']}, {record['date']}"),
        ("Configuration", f"sha256 {record['config_sha256']}"),
        (
            "Code",
            f"commit {commit['id']} ({commit['state']})" if commit["id"] else "no commit known",
        ),
    ]
    for name, one in record["checkpoints"].items():
        if study in one["studies"]:
            at = f"{one['path']}, revision {one['revision']}" if one["revision"] else one["path"]
            sums = "; ".join(f"{file} sha256 {value}" for file, value in one["sha256"].items())
            rows.append((f"Weights of {name}", f"{at}; {sums}" if sums else at))
    for name, one in record["data"].items():
        if study in one["studies"]:
            found = (
                f"sha256 {one['sha256']} over {one['files']} files of annotations and lists"
                if one["sha256"]
                else "no annotations found"
            )
            rows.append((f"Data {name}", f"{one['source']}; {found}"))
    versions = ", ".join(f"{name} {value}" for name, value in record["versions"].items())
    return [*rows, ("Versions", f"{versions}; {record['system']}")]


def origin_html(rows: Sequence[tuple[str, str]]) -> str:
    """The same as a list."""
    parts = [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows]
    return f"<dl>{''.join(parts)}</dl>"


def _seen(entry: Entry, folder: Path, picture: Picture | None, addresses: Mapping[str, str]) -> str:
    if picture is not None:
        return (
            f'<a class="sheet" href="{escape(picture.address)}"><img src="{escape(picture.address)}" '
            f'width="{picture.width}" height="{picture.height}" loading="lazy" decoding="async" '
            f'alt="{escape(f"{entry.label}: {entry.title}")}"></a>'
        )
    if page := entry.file("html"):
        return (
            f'<p class="explore"><a class="button" href="{escape(addresses[page])}">Open the explorer</a></p>'
            f'<p class="note">{escape(entry.title)}. It needs no network.</p>'
        )
    if text := entry.file("md"):
        return f'<div class="text">{to_html((folder / text).read_text(encoding="utf-8"))}</div>'
    return '<p class="note">Its data stand beside.</p>'


def _claims(entry: Entry) -> str:
    if not entry.claims:
        return ""
    points = []
    for result in entry.claims:
        shown = _number_of(result, entry.item)
        address = f"{CLAIMS_PAGE}#{result.first.study}-{result.first.claim}"
        published, found = (
            short_number(shown.published, UNKNOWN),
            short_number(shown.reproduced, DASH),
        )
        interval = interval_text(shown)
        source = f" ({shown.published_source})" if shown.published_source else ""
        points.append(
            f'<li><p><a href="{escape(address)}">{escape(result.first.claim)}</a> '
            f"{escape(result.first.statement)} {verdict_pill(result.verdict, result.summary)}</p>"
            f'<p class="note">{escape(shown.metric)}: the paper says <strong>{escape(published)}</strong>'
            f"{escape(source)}, this run found <strong>{escape(found)}</strong>"
            f"{escape(f', {interval}' if interval else '')}.</p></li>"
        )
    return f"<ul>{''.join(points)}</ul>"


def _number_of(result: ClaimResult, item: str) -> Claim:
    """The number shown for a claim, of this item if one of its numbers is."""
    if result.shown.item == item:
        return result.shown
    own = [row for row in result.rows if row.item == item]
    judged = [row for row in own if not is_control(row) and not is_beside(row)]
    return (judged or own or [result.shown])[0]


def _published(entry: Entry, address: str) -> str:
    if entry.published.empty:
        return ""
    count = len(entry.published)
    link = (
        f'<p class="note">{count} number{"" if count == 1 else "s"} with their sources: '
        f'<a href="{escape(address)}">CSV</a>. Printed for the models and data of the paper, not for those of this '
        "run.</p>"
    )
    if count > SHOWN_CELLS:
        return link
    tables = "\n".join(published_html(one) for one in published_tables(entry.published))
    return f"<details{' open' if count <= 40 else ''}><summary>As printed</summary>{tables}</details>{link}"


def _data(entry: Entry, folder: Path, addresses: Mapping[str, str]) -> str:
    links = ", ".join(
        f'<a href="{escape(address)}">{escape(name)}</a> <span class="size">{_size(folder / name)}</span>'
        for name, address in addresses.items()
    )
    name = entry.file("csv")
    if not name:
        return f"<p>{links}</p>"
    with (folder / name).open(newline="", encoding="utf-8") as file:
        header, *lines = list(csv.reader(file)) or [[]]
    shown = lines[:SHOWN_LINES]
    right = [
        bool(shown) and all(_is_number(cell) for cell in column)
        for column in zip(*shown, strict=False)
    ]
    right += [False] * (len(header) - len(right))
    said = (
        f"First {len(shown)} of {len(lines)} lines"
        if len(lines) > len(shown)
        else f"{len(lines)} lines"
    )
    table = table_html(header, shown, right, marked=False)
    return (
        f'<p>{links}</p><details class="csv"><summary>{said} of {escape(name)}</summary>'
        f"{_scroll(f'Lines of {name}')}{table}</div></details>"
    )


def _again(entry: Entry, record: Mapping[str, Any]) -> str:
    return (
        f'<p class="command"><code>{escape(command(entry, record))}</code> '
        '<button type="button" class="copy">Copy</button></p>'
    )


def _origin(study: str, record: Mapping[str, Any]) -> str:
    rows = origin_rows(study, record)
    return f"<details><summary>{escape(rows[0][1])}</summary>{origin_html(rows)}</details>"


def _scroll(name: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">'


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1000))} kB"
