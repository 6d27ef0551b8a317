"""The scorecard as one HTML page that needs nothing but itself: no network, no other file."""

from collections.abc import Sequence
from html import escape
from string import Template

from sightline.studies.claims import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    VERDICTS,
    Claim,
    short_number,
)
from sightline.studies.published import UNKNOWN

# Name used in class attributes and by the filter, and a sign beside the word: verdicts must be
# told apart without colour as well.
MARKS = {
    REPLICATED: ("yes", "✓"),
    NOT_REPLICATED: ("no", "✕"),
    INCONCLUSIVE: ("open", "≈"),
    NOT_RUN: ("idle", "·"),
}

STYLE = """
:root { color-scheme: light dark;
  --page: #fbfbf9; --card: #ffffff; --ink: #1d2126; --soft: #5c646d;
  --line: #e4e5e1; --hover: #f4f5f1;
  --yes: #0b6b4b; --yes-back: #dff3ea; --no: #a3290f; --no-back: #fce6df;
  --open: #7a5200; --open-back: #fbefcf; --idle: #535b64; --idle-back: #eceef0;
  --focus: #0072b2; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171a; --card: #1b1f23; --ink: #e8eaec; --soft: #a0a8b0;
  --line: #2d3238; --hover: #21262b;
  --yes: #7fdcb4; --yes-back: #123a2c; --no: #ffab94; --no-back: #4a1f14;
  --open: #f2cf7a; --open-back: #403108; --idle: #b6bec6; --idle-back: #2b3036;
  --focus: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 78rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 .35rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .7rem; letter-spacing: -0.01em; }
h2 small { font-weight: 400; color: var(--soft); margin-left: .5rem; }
.lead { color: var(--soft); max-width: 46rem; margin: 0 0 1.4rem; }
.filter { display: flex; flex-wrap: wrap; gap: .5rem; }
.filter button { font: inherit; color: inherit; cursor: pointer; padding: .35rem .85rem;
  border: 1px solid var(--line); border-radius: 999px; background: var(--card); }
.filter button:hover { background: var(--hover); }
.filter button[aria-pressed=true] { border-color: var(--ink);
  box-shadow: inset 0 0 0 1px var(--ink); }
.filter button:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.filter b { font-variant-numeric: tabular-nums; margin-right: .3rem; }
.card { background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .7rem .8rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: var(--hover); }
thead th { font-size: .72rem; font-weight: 600; letter-spacing: .06em; text-transform: uppercase;
  color: var(--soft); white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.claim { font-weight: 600; white-space: nowrap; }
td.statement { min-width: 19rem; }
td.judged { min-width: 13rem; }
small { display: block; color: var(--soft); font-size: .82rem; line-height: 1.45; }
h2 small { display: inline; }
td.published small { max-width: 13rem; margin-left: auto; white-space: normal; }
.verdict { display: inline-block; padding: .12rem .65rem; border-radius: 999px; font-weight: 600;
  font-size: .85rem; white-space: nowrap; }
.yes { color: var(--yes); background: var(--yes-back); }
.no { color: var(--no); background: var(--no-back); }
.open { color: var(--open); background: var(--open-back); }
.idle { color: var(--idle); background: var(--idle-back); }
[hidden] { display: none !important; }
@media (max-width: 46rem) {
  main { padding: 1.5rem 1rem 3rem; }
  thead { display: none; }
  table, tbody, tr, td { display: block; width: 100%; }
  tr { padding: .8rem 0; border-bottom: 1px solid var(--line); }
  td, td.statement, td.judged { min-width: 0; border: 0; padding: .15rem .9rem; }
  td.number { text-align: left; }
  td.number:empty { display: none; }
  td[data-label]::before { content: attr(data-label) " "; color: var(--soft); font-size: .82rem; }
  td.published small { margin-left: 0; max-width: none; }
}
@media print { .filter { display: none; } .card { border: 0; } tr { break-inside: avoid; } }
"""

SCRIPT = """
const buttons = document.querySelectorAll('.filter button');
for (const button of buttons) button.addEventListener('click', () => {
  for (const other of buttons) other.setAttribute('aria-pressed', other === button);
  const wanted = button.dataset.verdict;
  for (const row of document.querySelectorAll('tbody tr'))
    row.hidden = wanted !== '' && row.dataset.verdict !== wanted;
  for (const study of document.querySelectorAll('section'))
    study.hidden = !study.querySelector('tbody tr:not([hidden])');
});
"""

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scorecard · Sightline</title>
<link rel="icon" href="data:,">
<style>$style</style>
</head>
<body>
<main>
<h1>Scorecard</h1>
<p class="lead">$lead</p>
<div class="filter" role="group" aria-label="Show only rows with this verdict">$filter</div>
$studies
</main>
<script>$script</script>
</body>
</html>
""")

STUDY = Template("""<section>
<h2>$study<small>$count</small></h2>
<div class="card"><table>
<thead><tr><th scope="col">Claim</th><th scope="col">Statement</th>
<th scope="col" class="number">Published</th><th scope="col" class="number">Reproduced</th>
<th scope="col" class="number">n</th><th scope="col">Model and data</th>
<th scope="col">Verdict</th></tr></thead>
<tbody>
$rows
</tbody>
</table></div>
</section>""")

ROW = Template(
    '<tr data-verdict="$mark"><td class="claim">$claim<small>$item</small></td>'
    '<td class="statement">$statement<small>$metric</small></td>'
    '<td class="number published" data-label="published">$published<small>$source</small></td>'
    '<td class="number" data-label="reproduced">$reproduced<small>$interval</small></td>'
    '<td class="number" data-label="n">$n</td>'
    "<td>$model<small>$dataset</small><small>$variant</small></td>"
    '<td class="judged"><span class="verdict $mark">$sign&nbsp;$verdict</span>'
    "<small>$criterion</small></td></tr>"
)

LEAD = (
    "What each study claims, what it published, and what this run found. An interval holds "
    "95&nbsp;% of bootstrap resamples over images. Below each verdict "
    "stands the criterion it was judged by."
)


def scorecard_page(claims: Sequence[Claim]) -> str:
    """The page's HTML, claims grouped by study in the order given."""
    studies = dict.fromkeys(claim.study for claim in claims)
    sections = [_section(study, [c for c in claims if c.study == study]) for study in studies]
    return PAGE.substitute(
        style=STYLE,
        script=SCRIPT,
        lead=LEAD,
        filter="".join(_buttons(claims)),
        studies="\n".join(sections) or "<p>No claim was judged in this run.</p>",
    )


def _buttons(claims: Sequence[Claim]) -> list[str]:
    choices = [("", "all", len(claims), "true")]
    for verdict in VERDICTS:
        count = sum(claim.verdict == verdict for claim in claims)
        choices.append((MARKS[verdict][0], verdict, count, "false"))
    return [
        f'<button type="button" data-verdict="{mark}" aria-pressed="{pressed}">'
        f"<b>{count}</b>{name}</button>"
        for mark, name, count, pressed in choices
    ]


def _section(study: str, claims: Sequence[Claim]) -> str:
    count = f"{len(claims)} row{'' if len(claims) == 1 else 's'}"
    rows = "\n".join(map(_row, claims))
    return STUDY.substitute(study=escape(study), count=count, rows=rows)


def _row(claim: Claim) -> str:
    mark, sign = MARKS[claim.verdict]
    interval = "" if claim.ci_low is None else f"{claim.ci_low:.4g} to {claim.ci_high:.4g}"
    cells = {
        "claim": claim.claim,
        "item": claim.item,
        "statement": claim.statement,
        "metric": claim.metric,
        "published": short_number(claim.published, UNKNOWN),
        "source": claim.published_source,
        "reproduced": short_number(claim.reproduced, "–"),  # noqa: RUF001
        "interval": interval,
        "n": "" if claim.n is None else str(claim.n),
        "model": claim.model,
        "dataset": claim.dataset,
        "variant": claim.variant,
        "verdict": claim.verdict,
        "criterion": claim.criterion,
    }
    row = ROW.substitute({name: escape(text) for name, text in cells.items()}, mark=mark, sign=sign)
    return row.replace("<small></small>", "")
