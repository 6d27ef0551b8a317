"""Claims on training, where only released checkpoints are at hand: how near they come to what the paper prints.

That a checkpoint reproduces its row does not show that points made it better; the criterion says so.
"""

from collections.abc import Iterator

from sightline.studies.claims import NOT_REPLICATED, REPLICATED, Claim
from sightline.studies.published import find_published, load_published
from sightline.studies.qian2025.claims import STUDY, not_run
from sightline.studies.qian2025.items.cells import Effects
from sightline.studies.qian2025.masks.names import OWN, OWN_WITH_POINTS, PUBLISHED
from sightline.studies.verdicts import Finding, together

READ_7B, READ_13B = "READ-7B-LLaVA1.5 (ft)", "READ-13B-LLaVA1.5 (ft)"
_TEST = [("test", "all", 0.5), ("test", "short", 1.0), ("test", "long", 1.0)]
_REFER = [
    *(f"{name} {split}" for name in ("refcoco", "refcoco+") for split in ("val", "testA", "testB")),
    "refcocog val", "refcocog test",
]  # fmt: skip
CELLS = {
    "read-7b-val": [("C5", "tab2", READ_7B, "masks", "val", "all", metric, limit)
                    for metric, limit in (("gIoU", 1.0), ("cIoU", 1.5))],
    "read-7b-test": [("C5", "tab2", READ_7B, "masks", split, subset, metric, limit)
                     for split, subset, limit in _TEST for metric in ("gIoU", "cIoU")],
    "read-13b": [("C6", "tab3", READ_13B, "masks", split, subset, metric, limit)
                 for split, subset, limit in _TEST for metric in ("gIoU", "cIoU")],
    "read-7b-refer": [
        *(("C7", "tab4", "READ", "refer", name, "all", "cIoU", 0.5) for name in _REFER),
        *(("C8", "tab5", "READ", "refer", f"{name} val", "all", metric, 1.0)
          for name in ("fprefcoco", "fprefcoco+", "fprefcocog") for metric in ("See", "Segment")),
    ],
}  # fmt: skip
"""Model -> claim, table, row of the paper, part, split, subset, metric, largest difference in points."""
CRITERION = (
    "the released checkpoint comes within {} points of the printed numbers (dossier section 7.1); that points made it "
    "better than a model trained without is not shown by this"
)


def judge_checkpoint(effects: Effects, model: str, dataset: str) -> Iterator[Claim]:
    """Rows of the claims that a released checkpoint stands for; none for other models."""
    printed = load_published(STUDY)
    found: dict[str, list[tuple[Finding, float]]] = {}
    for claim, item, row, part, split, subset, metric, limit in CELLS.get(model, ()):
        method, variant = (OWN_WITH_POINTS, PUBLISHED) if part == "masks" else (OWN, "")
        here = effects.find(part, model, split, method, variant, metric, subset)
        place = split if subset == "all" else f"{split} {subset}"
        cell = find_published(printed, item, row, place, metric)
        if here is None or cell.value is None:
            continue
        near = abs(here.value - cell.value) <= limit
        finding = Finding(
            f"{metric}, {place}, percent", here.value, here.low, here.high, here.n,
            REPLICATED if near else NOT_REPLICATED, cell.value, cell.source,
        )  # fmt: skip
        found.setdefault(claim, []).append((finding, limit))
    for claim, cells in found.items():
        criterion = CRITERION.format("/".join(dict.fromkeys(f"{limit:g}" for _, limit in cells)))
        base = not_run(claim, model, dataset)
        verdicts = [one.verdict for one, _ in cells]
        yield Finding(
            f"printed numbers reproduced, of {len(cells)}", float(verdicts.count(REPLICATED)), None, None,
            min(one.n for one, _ in cells), together(verdicts),
        ).row(base, criterion)  # fmt: skip
        for one, _ in cells:
            yield one.row(base, criterion)
