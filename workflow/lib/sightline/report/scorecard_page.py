"""The scorecard as one HTML page that needs nothing but itself: no network, no other file.

Links lead to the figures in the gallery beside it; everything else is in the page.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from string import Template

from sightline.report.pages.page import page
from sightline.report.pages.result_templates import SCORECARD
from sightline.report.papers import item_label, paper
from sightline.report.scorecard_tally import (
    MIXED,
    ClaimResult,
    caution,
    control_word,
    counted,
    is_beside,
    is_control,
    results_by_claim,
    tally,
    tally_words,
)
from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Claim,
    short_number,
)
from sightline.studies.published import STUDIES, UNKNOWN, load_items

Links = Callable[[Claim], str]
"""Address of the figure or table that carries a claim; empty where there is none."""

# Name used in classes and by the filter, and a sign beside the word: verdicts must be told apart without colour.
MARKS = {
    REPLICATED: ("yes", "✓"),
    NOT_REPLICATED: ("no", "✕"),
    INCONCLUSIVE: ("open", "≈"),
    MIXED: ("mixed", "±"),
    NOT_RUN: ("idle", "·"),
}
DASH = "–"  # noqa: RUF001

STUDY = Template("""<section data-study="$study" aria-labelledby="$study">
<h2 id="$study">$name <small>$title · $place</small></h2>
<div class="summary">$bar<p>$tally</p></div>
<div class="card table"><table class="claims">
<caption class="hidden">Claims of $name</caption>
<thead><tr><th scope="col">Claim</th><th scope="col" class="number">The paper says</th>
<th scope="col" class="number">This run found</th><th scope="col">Verdict</th></tr></thead>
$claims
</table></div>
</section>""")

CLAIM = Template("""<tbody class="claim" id="$id" data-mark="$mark" data-text="$text">
<tr>
<th scope="row"><span class="key">$claim</span> $statement<small>$figure$metric</small></th>
<td class="number" data-label="The paper says">$published<small>$source</small></td>
<td class="number" data-label="This run found">$reproduced<small>$interval</small><small>$n</small></td>
<td data-label="Verdict">$verdict<small>$count</small><small>$variant</small>$others</td>
</tr>
<tr class="more"><td colspan="4"><details><summary>$behind</summary>
<p class="note">Criterion: $criterion</p>
<div class="scroll" tabindex="0" role="region" aria-label="Numbers behind $claim of $name"><table class="numbers">
<thead><tr><th scope="col">Number</th><th scope="col" class="number">Published</th>
<th scope="col" class="number">This run</th><th scope="col" class="number">n</th><th scope="col">Model and data</th>
<th scope="col">Variant</th><th scope="col">Verdict</th></tr></thead>
<tbody>
$rows
</tbody></table></div></details></td></tr>
</tbody>""")

ROW = Template(
    "<tr><td>$metric</td>"
    '<td class="number">$published<small>$source</small></td>'
    '<td class="number">$reproduced<small>$interval</small></td>'
    '<td class="number">$n</td><td>$model<small>$dataset</small></td><td>$variant</td><td>$verdict</td></tr>'
)


def gallery_links(claims: Iterable[Claim], gallery: str) -> Links:
    """Addresses of claims' items in a gallery at ``gallery``; items that no study lists have none."""
    studies = {claim.study for claim in claims}
    known = {
        (study, item)
        for study in studies
        if (STUDIES / study / "items.csv").is_file()
        for item in load_items(study)["item"]
    }

    def link(claim: Claim) -> str:
        there = (claim.study, claim.item) in known
        return f"{gallery}#{claim.study}-{claim.item}" if there else ""

    return link


def scorecard_page(claims: Sequence[Claim], link: Links, gallery: str = "") -> str:
    """The page's HTML, claims grouped by study in the order given.

    Args:
        claims: rows of the scorecard.
        link: where the figure of a claim is.
        gallery: address of the gallery, named at the top; empty for none.
    """
    results = results_by_claim(claims)
    studies = dict.fromkeys(claim.study for claim in claims)
    sections = [
        _section(study, [one for one in results if one.first.study == study], link)
        for study in studies
    ]
    html = {
        "studies": "\n".join(sections) or "<p>No claim was judged in this run.</p>",
        "by_study": "".join(_study_buttons(list(studies))),
        "by_verdict": "".join(_verdict_buttons(results)),
        "gallery": f'<a href="{escape(gallery)}">All figures and tables</a>' if gallery else "",
    }
    texts = {"tally": tally_words(results), "caution": caution(claims), "count": ""}
    return page(SCORECARD, "Scorecard · Sightline", texts, html)


def verdict_pill(verdict: str, words: str = "") -> str:
    """A verdict as a coloured word with its sign."""
    mark, sign = MARKS[verdict]
    return (
        f'<span class="verdict {mark}"><span aria-hidden="true">{sign}</span> '
        f"{escape(words or verdict)}</span>"
    )


def tally_bar(results: Sequence[ClaimResult]) -> str:
    """Claims by verdict as one bar; the words beside it say the same."""
    parts = [
        f'<i class="{MARKS[name][0]}" style="flex-grow:{count}"></i>'
        for name, count in tally(results).items()
        if count
    ]
    return f'<div class="bar" aria-hidden="true">{"".join(parts)}</div>'


def interval_text(row: Claim) -> str:
    """The interval of a number, empty where there is none."""
    return "" if row.ci_low is None else f"{row.ci_low:.4g} to {row.ci_high:.4g}"


def _study_buttons(studies: Sequence[str]) -> list[str]:
    choices = [("", "all studies", "true")]
    choices += [(study, paper(study).name, "false") for study in studies]
    return [
        f'<button type="button" data-study="{escape(study)}" aria-pressed="{pressed}">{escape(name)}</button>'
        for study, name, pressed in choices
    ]


def _verdict_buttons(results: Sequence[ClaimResult]) -> list[str]:
    choices = [("", "all", len(results), "true")]
    choices += [(MARKS[name][0], name, count, "false") for name, count in tally(results).items()]
    return [
        f'<button type="button" data-verdict="{mark}" aria-pressed="{pressed}">'
        f"<b>{count}</b> {name}</button>"
        for mark, name, count, pressed in choices
    ]


def _section(study: str, results: Sequence[ClaimResult], link: Links) -> str:
    about = paper(study)
    texts = {"study": study, "name": about.name, "title": about.title, "place": about.place}
    return STUDY.substitute(
        {name: escape(text) for name, text in texts.items()},
        tally=escape(tally_words(results)),
        bar=tally_bar(results),
        claims="\n".join(_claim(one, link) for one in results),
    )


def _claim(result: ClaimResult, link: Links) -> str:
    first, shown = result.first, result.shown
    address = link(first)
    others = [
        f"<small>{escape(row.variant)}: {escape(_word(row))}</small>" for row in result.variants
    ]
    controls = sum(map(is_control, result.rows))
    behind = f"{len(result.rows)} row{'' if len(result.rows) == 1 else 's'}"
    if controls:
        behind += f", {controls} of them control{'' if controls == 1 else 's'}"
    texts = {
        "id": f"{first.study}-{first.claim}",
        "text": " ".join(
            [
                first.study,
                first.claim,
                first.statement,
                first.item,
                item_label(first.item),
                first.model,
                first.variant,
            ]
            + [row.metric for row in result.rows]
        ).lower(),
        "claim": first.claim,
        "name": paper(first.study).name,
        "statement": first.statement,
        "metric": shown.metric,
        "published": short_number(shown.published, UNKNOWN),
        "source": shown.published_source,
        "reproduced": short_number(shown.reproduced, DASH),
        "interval": interval_text(shown),
        "n": "" if shown.n is None else f"n = {shown.n}",
        "count": counted(first),
        "variant": f"{first.variant} · {first.model}" if first.variant else first.model,
        "criterion": first.criterion,
        "behind": behind,
        "mark": MARKS[result.verdict][0],
    }
    text = CLAIM.substitute(
        {name: escape(text) for name, text in texts.items()},
        verdict=verdict_pill(result.verdict, result.summary),
        figure=_figure(item_label(first.item), address),
        others="".join(others),
        rows="\n".join(map(_row, result.rows)),
    )
    return text.replace("<small></small>", "")


def _figure(label: str, address: str) -> str:
    if address:
        return f'<a class="figure" href="{escape(address)}">{escape(label)}</a> '
    return f'<span class="figure">{escape(label)}</span> '


def _row(row: Claim) -> str:
    texts = {
        "metric": row.metric,
        "published": short_number(row.published, UNKNOWN),
        "source": row.published_source,
        "reproduced": short_number(row.reproduced, DASH),
        "interval": interval_text(row),
        "n": "" if row.n is None else str(row.n),
        "model": row.model,
        "dataset": row.dataset,
        "variant": row.variant,
    }
    judged = not is_control(row) and not is_beside(row)
    verdict = verdict_pill(row.verdict) if judged else f"<em>{escape(_word(row))}</em>"
    cells = ROW.substitute({name: escape(text) for name, text in texts.items()}, verdict=verdict)
    return cells.replace("<small></small>", "")


def _word(row: Claim) -> str:
    if is_control(row):
        return control_word(row)
    return "beside, decides nothing" if is_beside(row) else row.verdict
