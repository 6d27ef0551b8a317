"""Answers to yes/no pairs that a test can make as good or bad as it likes."""

import zlib

import numpy as np
import pandas as pd

from sightline.studies.kaduri2025.reprompt.measurements import COLUMNS
from sightline.studies.kaduri2025.reprompt.methods import methods

SHARES = (5.0, 2.0)
SUBTASKS = ("existence", "count", "color", "position", "scene", "corner")


def answers(rates, pictures=60, subtasks=SUBTASKS, model="demo-llava", name="mme"):
    """Both questions about every picture; ``rates`` says how often each method is right, 0.5 if left out."""
    rows = []
    for method in methods(SHARES):
        rate = rates.get(method.name, 0.5)
        for subtask in subtasks:
            # Equal for all methods, so that they differ by their rates alone.
            luck = np.random.default_rng(zlib.crc32(subtask.encode())).random((pictures, 2))
            for picture in range(pictures):
                for number, truth in enumerate(("yes", "no")):
                    right = luck[picture, number] < rate
                    said = truth if right else {"yes": "no", "no": "yes"}[truth]
                    rows.append(
                        {
                            "model": model, "set": name, "subtask": subtask, "picture": f"{picture:016x}",
                            "image": f"{picture}.jpg", "question": f"{subtask} {truth}", "truth": truth,
                            "method": method.name, "share": method.share, "answer": said, "said": said,
                            "correct": right, "context_tokens": 20, "question_tokens": 10,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
