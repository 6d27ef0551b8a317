"""Ask about each object while tokens are replaced by the mean image token (neo2025 Table 1).

Per image: the subsets of `sightline.studies.neo2025.subsets`, a noise image instead of replaced
tokens, and nothing replaced, each under up to three settings (describe the image; is there one; a
question whose answer is the object). Equal subsets are answered once, and the settings share the
work up to the last image token.
"""

import argparse
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from tqdm import tqdm

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.ablation import outlying_tokens
from sightline.instruments.gradients import integrated_gradients_of
from sightline.instruments.interventions import Condition, ReplaceTokens
from sightline.instruments.mean_token import load_mean_token
from sightline.instruments.replay import CleanRun, Decoded, replay_prompts
from sightline.instruments.workers import one_thread_each, side_by_side
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.models.prompts import Prompt
from sightline.models.vlm import VLM
from sightline.scenes.coco import Coco
from sightline.scenes.mentions import Vocabulary
from sightline.shards import add_shard
from sightline.studies.neo2025 import judging, subsets
from sightline.studies.neo2025.candidates import Candidate
from sightline.studies.neo2025.measurements import COLUMNS, MeasurementError
from sightline.studies.neo2025.protocol import Protocol
from sightline.studies.neo2025.selection import (
    CROWD_REGION,
    OUT_OF_SIGHT,
    noise_image,
    published_tokens,
    visible_tokens,
)
from sightline.studies.neo2025.subsets import Evidence, Subset, Tokens

log = logging.getLogger(__name__)

MEAN_TOKEN = "mean token"


@dataclass(frozen=True)
class Task:
    """One image with its object, and what is asked about it.

    Attributes:
        candidate: image and object that passed filter 1.
        selected: passed filter 2 by the corrected judge.
        selected_as_published: passed filter 2 by the judge as published.
        question: VQA question, or None.
    """

    candidate: Candidate
    selected: bool
    selected_as_published: bool
    question: str | None


class Answer(NamedTuple):
    """An answer with both judgements, and the probability of the expected next token."""

    text: str
    judgement: judging.Judgement
    probability: float


def list_tasks(coco: Coco, selection: pd.DataFrame, questions: pd.DataFrame) -> list[Task]:
    """Every image that either judge selected or that has a question, in order of selection.

    Filter 2 does not apply to questions; the object must be in sight all the same.

    Raises:
        MeasurementError: the selection is of other annotations.
    """
    asked = questions.set_index("image_id")["question"].to_dict()
    hidden = selection["reason"].isin([CROWD_REGION, OUT_OF_SIGHT])
    kept = selection["kept"] | selection["kept_as_published"]
    tasks = []
    for row in selection[kept | (selection["image_id"].isin(asked) & ~hidden)].itertuples():
        scene = coco.scene(row.image_id)
        instance = {one.id: one for one in scene.instances}.get(row.object_id)
        if instance is None:
            raise MeasurementError(
                f"selection: image {scene.id} has no object {row.object_id}. Selection and "
                "annotations do not belong together; select again "
                "(snakemake --forcerun select_objects)."
            )
        candidate = Candidate(scene, instance)
        tasks.append(Task(candidate, row.kept, row.kept_as_published, asked.get(scene.id)))
    return tasks


@dataclass(frozen=True, eq=False)
class Ablation:
    """The experiment, ready to measure one image after the other.

    Attributes:
        vlm: the model.
        mean_token: what tokens are replaced by, (width,).
        vocabulary: names the descriptions are searched for.
        protocol: of the run.
        batch_size: prompts that fit at a time; no answer depends on it.
    """

    vlm: VLM
    mean_token: torch.Tensor
    vocabulary: Vocabulary
    protocol: Protocol
    batch_size: int

    def measure(self, task: Task) -> list[dict[str, Any]]:
        """Rows of one image: every subset under every setting that applies to it."""
        scene, instance = task.candidate.scene, task.candidate.instance
        prompts = self.prompts(task)
        image = scene.image()
        noises = [
            noise_image(task.candidate, self.vlm, self.protocol.seed, tile)
            for tile in subsets.TILES
        ]
        clean, *noised = self.vlm.encode_images([image, *noises])
        sources = {MEAN_TOKEN: self.mean_token} | dict(zip(subsets.TILES, noised, strict=True))
        norms = self.norms(image, clean)
        conditions, own = self.conditions(task, clean, norms, prompts)
        common = {
            "model": self.vlm.key,
            "image_id": scene.id,
            "object_id": instance.id,
            "category": instance.category,
            "selected": task.selected,
            "selected_as_published": task.selected_as_published,
        }
        ratios = {variant: float(found.max() / found.median()) for variant, found in norms.items()}
        rows = []
        for settings, group in _by_setting(conditions, list(prompts)):
            answers = self._ask(
                task, group, {name: prompts[name] for name in settings}, clean, sources
            )
            for setting, found in answers.items():
                question = {"question": self._question(task, setting), "setting": setting}
                rows += [
                    common | question | _row(subset, answer, own, ratios)
                    for subset, answer in zip(group, found, strict=True)
                ]
        return rows

    def norms(self, image: Image.Image, image_tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        """Variant of the register tokens -> the norms they are told by, (tokens,)."""
        return {
            subsets.PROJECTOR: image_tokens.float().norm(dim=-1),
            subsets.TOWER: self.vlm.tower_norms([image])[0],
        }

    def conditions(
        self,
        task: Task,
        image_tokens: torch.Tensor,
        norms: Mapping[str, torch.Tensor],
        prompts: Mapping[str, Prompt],
    ) -> tuple[list[Subset], Tokens]:
        """What is replaced in one image, condition by condition, and the object's own tokens.

        Args:
            task: the image.
            image_tokens: as they enter the language model, (tokens, width).
            norms: of `norms`.
            prompts: of `prompts`.
        """
        evidence = self._evidence(task, image_tokens, norms, prompts)
        own = evidence.objects[min(evidence.objects)]
        replaced = subsets.build_subsets(
            evidence,
            self.vlm.grid.tokens,
            self.protocol.sizes,
            self.protocol.random_draws,
            (self.protocol.seed, task.candidate.scene.id, task.candidate.instance.id),
        )
        noises = [Subset(subsets.NOISE, subsets.NOISE, tile, own) for tile in subsets.TILES]
        return [*replaced, *noises], own

    def _question(self, task: Task, setting: str) -> str:
        if setting == "vqa":
            return task.question or ""
        if setting == "polling":
            return self.protocol.polling_question(task.candidate.instance.category)
        return self.protocol.describe

    def prompts(self, task: Task) -> dict[str, Prompt]:
        """Prompts of the settings that apply to an image."""
        settings = ["generative", "polling"] if task.selected or task.selected_as_published else []
        prompts = {name: self.vlm.prompt(self._question(task, name)) for name in settings}
        if task.question is not None:
            prompts["vqa"] = self.vlm.prompt(task.question, prefix=self.protocol.vqa_prefix)
        return prompts

    def _evidence(
        self,
        task: Task,
        image_tokens: torch.Tensor,
        norms: Mapping[str, torch.Tensor],
        prompts: Mapping[str, Prompt],
    ) -> Evidence:
        buffers = self.protocol.buffers
        objects = {n: visible_tokens(task.candidate, self.vlm, n) for n in buffers}
        published = published_tokens(task.candidate, self.vlm.grid, buffers)
        deviations = self.protocol.register_deviations
        registers = {key: outlying_tokens(found, deviations) for key, found in norms.items()}
        return Evidence(objects, published, registers, self._scores(task, image_tokens, prompts))

    def _scores(
        self, task: Task, image_tokens: torch.Tensor, prompts: Mapping[str, Prompt]
    ) -> dict[str, np.ndarray]:
        """Integrated gradients of every target, each (tokens,)."""
        # The polling question serves all settings, as published, so an image without it gets one.
        polling = prompts.get("polling") or self.vlm.prompt(self._question(task, "polling"))
        yes = self.vlm.first_token("Yes", polling)
        code = self.vlm.tokenizer.encode("Yes")[0]
        asked = [(polling, list(dict.fromkeys([yes, code])))]
        if "vqa" in prompts:
            target = self.vlm.first_token(task.candidate.instance.category, prompts["vqa"])
            asked.append((prompts["vqa"], [target]))
        polled, *others = integrated_gradients_of(
            self.vlm,
            asked,
            image_tokens,
            self.mean_token,
            steps=self.protocol.integration_steps,
            # Every point keeps its graph for the way back: half as many fit.
            chunk=max(1, self.batch_size // 2),
        )
        found = dict(zip(asked[0][1], polled.scores.numpy(), strict=True))
        scores = {subsets.IG_YES: found[yes], subsets.IG_CODE: found[code]}
        for other in others:
            scores[subsets.IG_CLASS] = other.scores[0].numpy()
        return scores

    def _ask(
        self,
        task: Task,
        group: Sequence[Subset],
        prompts: Mapping[str, Prompt],
        clean: torch.Tensor,
        sources: Mapping[str, torch.Tensor],
    ) -> dict[str, list[Answer]]:
        """Answers by setting, one per subset of the group."""
        # Equal subsets are common (two geometries, two gradient targets): answer each once.
        versions = {_key(subset): subset for subset in group}
        place = {key: number for number, key in enumerate(versions)}
        lengths = {
            "generative": self.protocol.describe_tokens,
            "polling": self.protocol.ask_tokens,
            "vqa": 1,
        }
        answers = replay_prompts(
            CleanRun(self.vlm, next(iter(prompts.values())), clean),
            [_condition(str(place[key]), one, len(clean)) for key, one in versions.items()],
            list(prompts.values()),
            [lengths[setting] for setting in prompts],
            sources,
        )
        found = {}
        for (setting, prompt), decoded in zip(prompts.items(), answers, strict=True):
            judged = self._judge(task, setting, prompt, decoded)
            found[setting] = [judged[place[_key(subset)]] for subset in group]
        return found

    def _judge(
        self, task: Task, setting: str, prompt: Prompt, decoded: Sequence[Decoded]
    ) -> list[Answer]:
        category = task.candidate.instance.category
        texts = [one.text for one in decoded]
        logits = torch.stack([one.logits for one in decoded])
        if setting == "generative":
            judgements = [judging.judge_description(t, category, self.vocabulary) for t in texts]
            probabilities = [float("nan")] * len(texts)
        elif setting == "polling":
            judgements = [judging.judge_polling(text) for text in texts]
            probabilities = _probabilities(logits, self.vlm.first_token("Yes", prompt))
        else:
            expected = self.vlm.first_token(category, prompt)
            wanted = self.vlm.decode([expected])
            judgements = [
                judging.judge_token(one.tokens[0], one.text, expected, wanted) for one in decoded
            ]
            probabilities = _probabilities(logits, expected)
        return [Answer(*parts) for parts in zip(texts, judgements, probabilities, strict=True)]


def _by_setting(
    conditions: Sequence[Subset], settings: list[str]
) -> Iterator[tuple[list[str], list[Subset]]]:
    """Conditions with the settings they are asked under: class gradients belong to VQA alone."""
    everywhere = [one for one in conditions if one.variant != subsets.IG_CLASS]
    yield settings, everywhere
    if len(everywhere) < len(conditions):
        yield ["vqa"], [one for one in conditions if one.variant == subsets.IG_CLASS]


def _key(subset: Subset) -> tuple[str, bytes]:
    return subset.variant if subset.family == subsets.NOISE else "", subset.tokens.tobytes()


def _condition(name: str, subset: Subset, tokens: int) -> Condition:
    """A subset's tokens replaced by the mean token, or all tokens by those of the noise image."""
    if subset.family == subsets.NOISE:
        # Noise in a few patches changes what the tower makes of all of them.
        return Condition(name, ReplaceTokens(range(tokens), subset.variant))
    if len(subset.tokens) == 0:
        return Condition(name)
    return Condition(name, ReplaceTokens(subset.tokens, MEAN_TOKEN))


def _probabilities(logits: torch.Tensor, token: int) -> list[float]:
    return logits.softmax(-1)[:, token].tolist()


def _row(
    subset: Subset, answer: Answer, own: Tokens, ratios: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "condition": subset.condition,
        "subset": subset.family,
        "variant": subset.variant,
        "size": subset.size,
        "like": subset.like,
        "draw": subset.draw,
        "n_tokens": len(subset.tokens),
        "object_share": float(np.isin(own, subset.tokens).mean()),
        "norm_ratio": ratios.get(subset.variant, ratios[subsets.PROJECTOR]),
        "answer": answer.text,
        "correct": answer.judgement.corrected,
        "correct_as_published": answer.judgement.as_published,
        "p_expected": answer.probability,
    }


def main(options: argparse.Namespace) -> None:
    """Measure one model on a split."""
    protocol = Protocol.read(options.protocol)
    source = read_model(options)
    one_thread_each(options.processes)
    coco = Coco(options.dataset, options.split)
    questions = protocol.under_ablation(pd.read_parquet(options.questions))
    tasks = list_tasks(coco, pd.read_parquet(options.selection), questions)
    tasks = options.shard.of(tasks)
    vlm = load_vlm(source)
    left_out = sorted(set(protocol.sizes) - set(subsets.fitting(protocol.sizes, vlm.grid.tokens)))
    if left_out:
        log.warning("subset sizes %s left out: an image has %d tokens", left_out, vlm.grid.tokens)
    ablation = Ablation(
        vlm,
        load_mean_token(options.mean).to(vlm.device, vlm.dtype),
        Vocabulary(coco.categories.values()),
        protocol,
        source.batch_size,
    )
    measured = side_by_side(ablation.measure, tasks, options.processes, vlm.device)
    progress = tqdm(measured, total=len(tasks), desc="ablate tokens", unit="image")
    rows = [row for found in progress for row in found]
    write_parquet(pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--selection", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--mean", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1, help="images at a time, on a CPU")
    add_shard(parser)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
