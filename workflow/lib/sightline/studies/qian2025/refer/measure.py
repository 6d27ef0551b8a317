"""Referring expressions by teacher forcing, false premises by generation (qian2025 section 3.8), and a short session.

    python -m sightline.studies.qian2025.refer.measure --model model.json --segmenter models/segmenter \
        --original models/sam --dataset data/refer --protocol qian2025.json --out refer/demo-llava

Writes expressions.parquet (one row per expression: what was answered, pixels shared and united), nouns.parquet (the map
of [SEG] beside those of nouns), session.json and session.safetensors.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from sightline import cli
from sightline.files import atomic_path, write_json, write_parquet
from sightline.instruments.points import ImagePoints, similarity_as_points
from sightline.instruments.similarity import similarity_maps
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.vlm import VLM
from sightline.scenes.refer import load_refer
from sightline.scenes.scene import Mask, SegmentationQuery
from sightline.studies.qian2025.masks.frames import Segmenters, load_segmenters, own_masks
from sightline.studies.qian2025.masks.geometry import released_geometry
from sightline.studies.qian2025.metrics import overlap
from sightline.studies.qian2025.protocol import POSITIONS, Protocol, ReferSet
from sightline.studies.qian2025.refer.nouns import NounMaps, all_nouns, noun_table
from sightline.studies.qian2025.similarity.states import Told, forced_prompt, read_told

EXPRESSIONS, NOUNS, SESSION = "expressions.parquet", "nouns.parquet", "session.json"
MASKS = "session.safetensors"
PLAIN_QUESTION = "Describe this image."
_TOGETHER = 256
_SHOWN = 3
"""Images in the session."""


@dataclass(frozen=True, eq=False)
class Answered:
    """One query: the answer, the mask if the answer asks for one, and how its map compares with nouns."""

    answer: str
    mask: Mask | None
    noun: dict[str, object] | None = None


class Evaluation:
    """A model with its segmenter, asked about expressions."""

    def __init__(self, vlm: VLM, segmenters: Segmenters, protocol: Protocol) -> None:
        """Look up where [SEG] is read and how its map becomes points."""
        self.vlm, self.segmenters, self.protocol = vlm, segmenters, protocol
        self.place = POSITIONS.index(protocol.position)
        self._points = vlm.key in protocol.taught_points

    def forced(
        self, queries: Sequence[SegmentationQuery], nouns: NounMaps | None = None
    ) -> list[Answered]:
        """Masks with the answer given."""
        answers = [self.protocol.wording.answer] * len(queries)
        return self._masks(queries, answers, nouns)

    def generated(self, queries: Sequence[SegmentationQuery]) -> list[Answered]:
        """Masks with the model's own answers; None where it does not ask for one."""
        found: list[Answered] = []
        # Image tokens of thousands of expressions at once would fill any memory.
        for first in range(0, len(queries), _TOGETHER):
            some = queries[first : first + _TOGETHER]
            found += self._masks(some, self._answers(some))
        return found

    def _answers(self, queries: Sequence[SegmentationQuery]) -> list[str]:
        images = [query.scene.image() for query in queries]
        tokens = torch.cat([self.vlm.encode_images([image]) for image in images])
        asked = [self.protocol.wording.ask_expression(query.texts[0]) for query in queries]
        prompts = [self.vlm.prompt(question) for question in asked]
        return self.vlm.generate_many(
            prompts, tokens, self.protocol.max_new_tokens, keep_special=True
        )

    def _masks(
        self,
        queries: Sequence[SegmentationQuery],
        answers: Sequence[str],
        nouns: NounMaps | None = None,
    ) -> list[Answered]:
        token = self.protocol.token
        found = [Answered(answer, None) for answer in answers]
        asking = [number for number, answer in enumerate(answers) if token in answer]
        prompts = [
            forced_prompt(
                self.vlm,
                self.protocol.wording.ask_expression(queries[n].texts[0]),
                answers[n][: answers[n].index(token) + len(token)],
                token,
            )
            for n in asking
        ]
        chosen = [queries[n] for n in asking]
        for told in read_told(self.vlm, prompts, chosen, layers=(0, -1)) if asking else ():
            number = asking[told.number]
            query = queries[number]
            noun = nouns and nouns.compare(query, told, self.place)
            found[number] = Answered(answers[number], self._mask(query, told), noun)
        return found

    def _mask(self, query: SegmentationQuery, told: Told) -> Mask:
        size = (query.scene.height, query.scene.width)
        embedding, _ = self.segmenters.embed([query.scene.image()])
        state = told.seg[self.place, -1]
        points: list[ImagePoints] | None = None
        if self._points:
            scores = similarity_maps(state, told.image[-1], self.vlm.grid, "dot").cpu()
            rule = self.protocol.rule(self.vlm.key)
            geometry, patch = released_geometry(self.vlm.transform), self.vlm.grid.patch
            points = [similarity_as_points(scores, size, rule, geometry, patch)]
        own = self.segmenters.own
        return own_masks(own, embedding, state[None], [size], points)[0].cpu().numpy()


def load_expressions(root: str, entry: ReferSet, split: str, protocol: Protocol) -> list:
    """Expressions of a split; as many as the protocol says, drawn by its seed, in file order."""
    queries = load_refer(root, entry.name, entry.by, split)
    drawn = np.random.default_rng(protocol.seed).permutation(len(queries))[: protocol.expressions]
    return [queries[n] for n in sorted(drawn)]


def measure(evaluation: Evaluation, root: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All expressions and nouns."""
    protocol, rows, nouns = evaluation.protocol, [], []
    for entry in protocol.refer:
        for split in entry.splits:
            queries = load_expressions(root, entry, split, protocol)
            about = {"model": evaluation.vlm.key, "dataset": entry.name, "split": split}
            false = any(query.false_premise for query in queries)
            if false:
                found = evaluation.generated(queries)
            else:
                compare = NounMaps(evaluation.vlm, all_nouns(queries), protocol.seed)
                found = evaluation.forced(queries, compare)
            for query, one in zip(queries, found, strict=True):
                rows.append(about | _row(query, one, evaluation.protocol.token))
            nouns += [
                about | {"query": query.id, "image": query.scene.id} | one.noun
                for query, one in zip(queries, found, strict=True)
                if one.noun
            ]
    return pd.DataFrame(rows), noun_table(nouns)


def _row(query: SegmentationQuery, one: Answered, token: str) -> dict[str, Any]:
    shared, united = overlap(one.mask, query.target, query.ignore)
    return {
        "query": query.id, "image": query.scene.id, "text": query.texts[0],
        "present": not query.false_premise, "answer": one.answer, "has_token": token in one.answer,
        "predicted": 0 if one.mask is None else int(one.mask.sum()),
        "intersection": shared, "union": united,
    }  # fmt: skip


def hold_session(
    evaluation: Evaluation, root: str
) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    """Turns with the first images that have both a true and a false expression: a question, a request, a trap."""
    vlm, protocol = evaluation.vlm, evaluation.protocol
    false_sets = [entry for entry in protocol.refer if "fp" in entry.name.lower()]
    if not false_sets:
        return [], {}
    queries = load_expressions(root, false_sets[0], false_sets[0].splits[0], protocol)
    turns, masks = [], {}
    by_image: dict[int, list[SegmentationQuery]] = {}
    for query in queries:
        by_image.setdefault(query.scene.id, []).append(query)
    both = [some for some in by_image.values() if len({one.false_premise for one in some}) == 2]
    for some in both[:_SHOWN]:
        true = next(one for one in some if not one.false_premise)
        false = next(one for one in some if one.false_premise)
        tokens = vlm.encode_images([true.scene.image()])
        (said,) = vlm.generate(vlm.prompt(PLAIN_QUESTION), tokens, protocol.max_new_tokens * 3)
        picture = str(true.scene.path)
        turns.append({"image": picture, "question": PLAIN_QUESTION, "answer": said, "mask": ""})
        for query, one in zip((true, false), evaluation.generated([true, false]), strict=True):
            question = protocol.wording.ask_expression(query.texts[0])
            turn = {"image": picture, "question": question, "answer": one.answer, "mask": ""}
            if one.mask is not None:
                turn["mask"] = f"{len(turns)}"
                masks[turn["mask"]] = torch.from_numpy(one.mask.astype("uint8"))
            turns.append(turn)
    return turns, masks


def main(options: argparse.Namespace) -> None:
    """Evaluate one model."""
    vlm, protocol = load_vlm(read_model(options)), Protocol.read(options.protocol)
    segmenters = load_segmenters(options.segmenter, options.original, vlm.device, vlm.dtype)
    evaluation = Evaluation(vlm, segmenters, protocol)
    expressions, nouns = measure(evaluation, options.dataset)
    write_parquet(expressions, options.out / EXPRESSIONS)
    write_parquet(nouns, options.out / NOUNS)
    turns, masks = hold_session(evaluation, options.dataset)
    write_json(turns, options.out / SESSION)
    with atomic_path(options.out / MASKS) as temporary:
        save_file(masks, temporary)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--segmenter", type=Path, required=True)
    parser.add_argument("--original", type=Path, required=True, help="folder of the unmodified SAM")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    cli.run(main, parser)
