"""Pruning of image tokens for each question, as FastV does it, beside the compressed context (Table S3).

FastV drops, behind its first blocks, all image tokens but those that the last position of the prompt attends to most
in the block before. It reads the question before it chooses, and the whole image while it does, so nothing is saved
for a second question; the compressed context is chosen once, without knowing what will be asked. Here a pruned token
is hidden from every later row in every later block, which is the same as taking it out.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.clean_run import CleanRun
from sightline.instruments.interventions import Condition, Knockout
from sightline.instruments.reading import Reading
from sightline.instruments.replay import replay_decoding
from sightline.instruments.similarity import attention_scores, kept_tokens, top_tokens
from sightline.instruments.states import capture
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM
from sightline.studies.judging.answers import read_answer
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.reprompt.measurements import COLUMNS
from sightline.studies.kaduri2025.reprompt.methods import pruned_name
from sightline.studies.kaduri2025.reprompt.questions import MME, Asked, by_picture, read_sets
from sightline.studies.kaduri2025.reprompt.settings import Settings


def prune(clean: CleanRun, after: int, share: float) -> Condition:
    """Hide all image tokens but the most attended ones from later rows, behind the first blocks.

    Args:
        clean: the prompt.
        after: blocks that see every image token; the attention of the last of them chooses. At least 1.
        share: of the image tokens left, 0 to 1.
    """
    return prune_to(clean.prompt, len(clean.blocks), after, _kept(clean, after, share))


def prune_to(prompt: Prompt, layers: int, after: int, kept: torch.Tensor) -> Condition:
    """The same for chosen image tokens, counted in the grid, (kept,) int64."""
    image = prompt.roles.image
    left = image[np.sort(kept.cpu().numpy())]
    pruned = tuple(int(one) for one in np.setdiff1d(image, left))
    rows = (*(int(one) for one in left), "query", "generated")
    behind = tuple(range(after, layers))
    return Condition(f"{len(left)} image tokens left", (Knockout(rows, pruned, behind),))


def _kept(clean: CleanRun, after: int, share: float) -> torch.Tensor:
    reading = Reading(rows=(), layers=(), queries="last", keys="image", blocks=(after - 1,))
    found = capture(clean.vlm, [clean.prompt], clean.image_tokens[None], reading)
    scores = attention_scores(found.attention)[0]
    return top_tokens(scores, kept_tokens(share, len(scores)))


def measure(vlm: VLM, settings: Settings, asked: Sequence[Asked], picture: str) -> list[dict]:
    """Rows of all questions about one picture, under every share."""
    image = asked[0].one.picture()
    tokens, grid = vlm.encode_images([image])[0], vlm.grid_of(image)
    first = CleanRun(vlm, vlm.prompt(asked[0].one.question, grid=grid), tokens)
    rows = []
    for one in asked:
        clean = first.ask(vlm.prompt(one.one.question, grid=grid))
        conditions = [
            prune(clean, settings.prune_after, share / 100) for share in settings.prune_shares
        ]
        answers = replay_decoding(clean, conditions, settings.answer_tokens)
        for share, answer in zip(settings.prune_shares, answers, strict=True):
            said = read_answer(answer.text)
            kept = kept_tokens(share / 100, len(clean.prompt.roles.image))
            rows.append(
                {
                    "model": vlm.key,
                    "set": one.set,
                    "subtask": one.one.subtask,
                    "picture": picture,
                    "image": one.one.image.name,
                    "question": one.one.question,
                    "truth": one.one.answer,
                    "method": pruned_name(share),
                    "share": share,
                    "answer": answer.text,
                    "said": said,
                    "correct": said == one.one.answer,
                    "context_tokens": len(clean.prompt.roles.system) + kept,
                    "question_tokens": len(clean.prompt.roles.query),
                }
            )
    return rows


def measure_all(
    vlm: VLM, settings: Settings, pictures: Mapping[str, Sequence[Asked]]
) -> pd.DataFrame:
    """Answers about the first pictures of MME."""
    chosen = {
        picture: [one for one in asked if one.set == MME] for picture, asked in pictures.items()
    }
    chosen = {picture: asked for picture, asked in chosen.items() if asked}
    first = list(chosen.items())[: settings.prune_images]
    rows = []
    for picture, asked in tqdm(first, desc="prune", unit="picture", mininterval=5):
        rows += measure(vlm, settings, asked, picture)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def main(options: argparse.Namespace) -> None:
    """Measure one model."""
    vlm = load_vlm(read_model(options))
    settings = Settings.of(Protocol.read(options.protocol))
    pictures = by_picture(read_sets(options.mme, None, []))
    write_parquet(measure_all(vlm, settings, pictures), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--mme", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
