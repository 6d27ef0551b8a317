"""A protocol, and made-up judged descriptions, of the kaduri2025 study."""

from collections.abc import Callable

import pandas as pd

from sightline.studies.judging.comparison import Comparison
from sightline.studies.kaduri2025.knockout import conditions
from sightline.studies.kaduri2025.knockout.conditions import Layout
from sightline.studies.kaduri2025.knockout.measurements import COLUMNS
from sightline.studies.kaduri2025.protocol import Protocol

SETTINGS = {
    "seed": 0,
    "images": {"split": "val2017", "count": 3},
    "question": "Describe this image.",
    "second_question": "What do you see?",
    "max_new_tokens": 8,
    "middle": {"first": 0.25, "last": 0.5},
    "knockout": {"points": 8, "window_step": 1},
    "top_shares": [50, 5],
    "random_draws": 2,
    "bootstrap": 100,
    "judge": {"kind": "vocabulary"},
}
PROTOCOL = Protocol.parse(SETTINGS)

NAMES = tuple(f"thing{number}" for number in range(10))
DEPTH, IMAGES, DRAWS = 16, 80, 2
Kept = Callable[[conditions.Cut], int]


def strong(cut: conditions.Cut) -> int:
    """Objects kept, of ten, in a strong replication: everything passes through layers 5 to 7 of 16.

    With all of these hidden, img->gen keeps four objects, which the query had stored, and the others none.
    """
    needed = {5, 6, 7}
    share = len(needed - set(cut.hidden)) / len(needed)
    base = 4 if cut.condition == conditions.GENERATED else 0
    late = 1 if set(cut.hidden) & {14, 15} else 0
    return round(base + share * (10 - late - base))


def flat(cut: conditions.Cut) -> int:
    """A model in which every layer matters as much as any other."""
    return round(9 * (1 - len(cut.hidden) / DEPTH))


def knockout_measurements(
    model: str = "toy",
    kept: Kept = strong,
    images: int = IMAGES,
    truth: float = 0.95,
    shuffled: int = 1,
) -> pd.DataFrame:
    """Judged descriptions of a model that names ten objects in each image and keeps some of them.

    Images differ a little: every third one keeps an object less where it can. ``shuffled`` is what another image's
    description has in common, ``truth`` the F1 of the unmodified ones against the scenes.
    """
    layout = Layout.of(DEPTH, PROTOCOL.middle(model, DEPTH), 16, 1)
    rows = []
    for image in range(images):
        common = {
            "model": model, "model_layers": DEPTH, "image_id": 100 + image, "place": image,
            "objects": ";".join(NAMES), "dominant": NAMES[0], "theme": "street", "question": "?",
            "text": "", "tokens": 20, "draw": 0, "theme_named": 1.0,
        }  # fmt: skip
        for wording in conditions.WORDINGS:
            clean = {
                "condition": conditions.NONE, "layers": "", "family": "", "first": -1, "last": -1,
                "variant": conditions.AS_PUBLISHED,
            }  # fmt: skip
            rows.append(common | {"wording": wording} | clean | _judged(10, truth))
            for cut in layout.cuts(wording):
                number = max(0, kept(cut) - (image % 3 == 0 and kept(cut) < 10))
                cell = {
                    "wording": wording, "condition": cut.condition, "layers": cut.layers,
                    "family": cut.family, "first": cut.first, "last": cut.last,
                    "variant": cut.variant,
                }  # fmt: skip
                rows.append(common | cell | _judged(number, float("nan")))
        for draw in range(DRAWS):
            cell = {
                "wording": conditions.MAIN, "condition": conditions.SHUFFLED, "layers": "",
                "family": "", "first": -1, "last": -1, "variant": conditions.AS_PUBLISHED,
            }  # fmt: skip
            judged = _judged(shuffled, 0.1)
            rows.append(common | cell | judged | {"draw": draw})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _judged(kept: int, truth: float) -> dict:
    found = Comparison.of_sets(NAMES, NAMES[:kept])
    details = Comparison.of_sets(NAMES[1:], NAMES[1:kept])
    return found.to_row() | {
        "dominant_named": float(kept > 0), "detail_precision": details.precision,
        "detail_recall": details.recall, "detail_f1": details.f1, "truth_f1": truth,
    }  # fmt: skip
