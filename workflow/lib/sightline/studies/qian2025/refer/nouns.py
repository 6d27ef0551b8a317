"""Does the map of [SEG] agree with that of the object's name? A variant, with the model's own word for it.

The paper takes the map of a noun in CLIP, as `sightline.studies.qian2025.nouns` does. A language model has a map of its
own for every word: how much each image token's last state speaks for the word, which is the word's row of the output
embedding times the state.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from sightline.models.vlm import VLM
from sightline.scenes.refer import Union
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.similarity.states import Told

DISTRACTORS = 10


class NounMaps:
    """Compares maps of [SEG] with maps of nouns.

    Args:
        vlm: the model.
        nouns: names of all categories.
        seed: of the distractors.
    """

    def __init__(self, vlm: VLM, nouns: Sequence[str], seed: int) -> None:
        self._nouns = sorted(set(nouns))
        tokens = [vlm.first_token(noun) for noun in self._nouns]
        rows = vlm.model.get_output_embeddings().weight[torch.tensor(tokens)].float()
        # Words share a mean that would make all their maps alike.
        self._vectors = rows - rows.mean(0)
        self._random = np.random.default_rng(seed)

    def compare(self, query: SegmentationQuery, told: Told, place: int) -> dict[str, object] | None:
        """Correlation of the [SEG] map with the right noun's, and whether it exceeds those of other nouns.

        Args:
            query: whose region is of one category.
            told: its states.
            place: of [SEG], as in `POSITIONS`.
        """
        noun = noun_of(query)
        # With no other noun there is nothing that the right one could exceed.
        if noun not in self._nouns or len(self._nouns) < 2:
            return None
        final = told.image[-1]
        seg = told.seg[place, -1]
        maps = torch.cat([seg[None], self._vectors.to(seg)]) @ final.T
        against = torch.corrcoef(maps)[0, 1:].cpu().numpy()
        vectors = self._vectors.to(seg)
        words = torch.nn.functional.cosine_similarity(seg[None], vectors).cpu().numpy()
        right = self._nouns.index(noun)
        others = [n for n in range(len(self._nouns)) if n != right]
        drawn = self._random.permutation(others)[:DISTRACTORS]
        return {
            "noun": noun, "correlation": float(against[right]),
            "distractors": float(against[drawn].mean()),
            "best_map": bool(against[right] > against[drawn].max()),
            "best_word": bool(words[right] > words[drawn].max()), "others": len(drawn),
        }  # fmt: skip


def noun_of(query: SegmentationQuery) -> str | None:
    """The category of what a query points at, if it is one."""
    if not isinstance(query.region, Union):
        return None
    names = {one.category for one in query.region.instances}
    return names.pop() if len(names) == 1 else None


def all_nouns(queries: Sequence[SegmentationQuery]) -> list[str]:
    """Categories of everything annotated in the images of some queries."""
    return sorted({one.category for query in queries for one in query.scene.instances})


def noun_table(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Comparisons as a table; empty with its columns where there are none."""
    columns = ("model", "dataset", "split", "query", "image", "noun", "correlation", "distractors",
               "best_map", "best_word", "others")  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns))
