"""Made-up measurements and settings for the tests of the neo2025 study."""

from typing import Any

import numpy as np
import pandas as pd

from sightline.studies.neo2025.measurements import COLUMNS
from sightline.studies.neo2025.protocol import Protocol

SETTINGS: dict[str, Any] = {
    "seed": 0,
    "ablation_set": {
        "split": "train2017",
        "max_annotations": 3,
        "area": [100, 420],
        "accepted": 4,
    },
    "vqa_set": {"source": "templates", "questions": 5},
    "prompts": {
        "generative": "Describe this image.",
        "polling": "Is there a {category} in this image?",
        "vqa_prefix": "It is a",
    },
    "max_new_tokens": {"generative": 20, "polling": 10},
    "subset_sizes": [5, 40],
    "buffers": [0, 1, 2],
    "register_deviations": 2.0,
    "random_draws": 1,
    "integration_steps": 4,
    "bootstrap": 200,
}
PROTOCOL = Protocol.parse(SETTINGS)

# Share of the images that each condition makes wrong; the order is that of a strong replication.
LOST = {
    ("none", "", "none"): 0.0,
    ("object", "mask", "object"): 0.4,
    ("object_plus_1", "mask", "object"): 0.8,
    ("object_plus_2", "mask", "object"): 0.9,
    ("object", "code_geometry", "object"): 0.3,
    ("object_plus_1", "code_geometry", "object"): 0.7,
    ("object_plus_2", "code_geometry", "object"): 0.8,
    ("register", "projector", "register"): 0.02,
    ("register", "tower", "register"): 0.01,
    ("int_gradients_40", "ig_yes", "int_gradients"): 0.5,
    ("int_gradients_40", "ig_code", "int_gradients"): 0.2,
    ("int_gradients_like_object_plus_1", "ig_yes", "int_gradients"): 0.4,
    ("random_5", "anywhere", "random"): 0.0,
    ("random_40", "anywhere", "random"): 0.04,
    ("random_like_object_plus_1", "anywhere", "random"): 0.02,
    ("random_like_object_plus_1", "outside", "random"): 0.0,
    ("image_noise", "independent", "image_noise"): 1.0,
    ("image_noise", "repeated", "image_noise"): 1.0,
    ("all_tokens", "", "all_tokens"): 1.0,
}
TOKENS = {"object": 8, "object_plus_1": 24, "object_plus_2": 48, "register": 6, "all_tokens": 196}


def measurements(
    model: str = "toy", images: int = 100, norm_ratio: float = 3.0, tower_ratio: float = 1.3
) -> pd.DataFrame:
    """Answers of a model that loses the share in LOST of its images, always the first ones."""
    rows = []
    for setting in ("generative", "polling", "vqa"):
        for (condition, variant, subset), share in LOST.items():
            like = condition.partition("_like_")[2]
            fixed = subset in ("random", "int_gradients") and not like
            size = int(condition.rsplit("_", 1)[-1]) if fixed else None
            n_tokens = size or TOKENS.get(like or condition, 0)
            for image in range(images):
                right = image >= round(share * images)
                rows.append(
                    {
                        "model": model, "image_id": image, "object_id": 1, "category": "car",
                        "selected": True, "selected_as_published": image != 0, "setting": setting,
                        "condition": condition, "subset": subset, "variant": variant, "size": size,
                        "like": like, "draw": 0, "n_tokens": n_tokens,
                        "object_share": 0.05,
                        "norm_ratio": tower_ratio if variant == "tower" else norm_ratio,
                        "question": "?",
                        "answer": "", "correct": right, "correct_as_published": right,
                        "p_expected": np.nan,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
