"""The main stage: the whole VLM learns to talk about scenes, and to aim its [SEG] state at the place of the object."""

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from sightline.demo.language import AFTER_ANSWER, AFTER_QUESTION, KINDS, Turn
from sightline.demo.location_code import LocationCode
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.packing import IGNORED, Pack, Packer, turn_rng
from sightline.demo.place_signal import PlaceSignal, token_places
from sightline.demo.questions import turns
from sightline.demo.training_set import SceneObject, TrainingSet, jitter, normalise
from sightline.demo.world import SIZE
from sightline.models.segmenter import Segmenter

_LENGTH = 288
"""Text tokens per image in training."""

_FOLLOWING = 0.2
"""Share of the questions that follow another one, half of them before that one is answered."""

_LOUDEST = 16.0
"""Norm of an image token, about 20 times that of a word, from which on it is held down."""


@dataclass(frozen=True)
class Emphasis:
    """What a stage of language training dwells on.

    Attributes:
        name: of the stage.
        learning_rate: of the text model; the tower learns at about a quarter of it.
        cool_down: last share of the steps, over which the learning rate falls.
        weights: loss per answer token by kind of question, 1 where none is given. Kinds of weight 0 are not asked,
            kinds of weight 2 or more are asked more often.
        draws: how often those are asked; the text of a scene holds only so many questions, so others make room.
    """

    name: str
    learning_rate: float
    cool_down: float
    weights: Mapping[str, float]
    draws: int = 2

    def ask(self, theme: str, objects: Sequence[SceneObject], rng: random.Random) -> list[Turn]:
        """Questions about one scene, in random order."""
        asked = [turn for turn in turns(theme, objects, rng) if self.weights.get(turn.kind, 1) > 0]
        for _ in range(1, self.draws):
            again = turns(theme, objects, rng)
            asked += [turn for turn in again if self.weights.get(turn.kind, 1) >= 2]
        rng.shuffle(asked)
        return [_after_another(turn, rng) for turn in asked]


LANGUAGE = Emphasis(
    "language",
    5e-4,
    0.5,
    {
        # Descriptions are long; yes or no and numbers are the last to be learned.
        "exists": 3.0, "count": 3.0, "count color": 2.0, "where": 2.0,
        "choose": 0.5, "place": 0.5, "is scene": 0.5,
        # Answers that are always the same, or repeat the question.
        "segment": 0.2, "implicit": 0.2, "segment relation": 0.2, "refuse": 0.3, "deny": 0.3,
    },
)  # fmt: skip

GROWN = Emphasis(
    "language-grown",
    4e-4,
    0.5,
    {
        # What the shallower model knew least, and what it was never asked.
        "count": 8.0, "count color": 5.0, "exists": 4.0, "exists color": 2.0, "relation": 2.0,
        "is count": 3.0, "is same color": 3.0, "is corner": 2.0, "is position": 2.0, "is main": 2.0,
        "choose": 0.5, "place": 0.5, "is scene": 0.5,
        "segment": 0.5, "implicit": 0.2, "segment relation": 0.2, "refuse": 0.3, "deny": 1.0,
    },
)  # fmt: skip

COUNTED = Emphasis(
    "language-counted",
    2.5e-4,
    0.7,
    {
        # What the grown model missed its gates in.
        "count": 4.0, "count color": 4.0, "describe": 2.0,
        # Short answers that are known or nearly so: weight enough not to forget them.
        "exists": 1.9, "exists color": 1.5, "is count": 1.9, "is color count": 1.5,
        "choose": 0.5, "place": 0.5, "is scene": 0.5,
        # Requests to segment what is there and what is not weigh the same: one must not win over the other.
        "segment": 1.5, "deny": 1.5, "implicit": 0.5, "segment relation": 0.3, "refuse": 0.3,
    },
    draws=4,
)  # fmt: skip


class LanguageStage:
    """Answers under packed questions, plus the regression of the projected [SEG] state to the place of the object."""

    def __init__(
        self,
        emphasis: Emphasis,
        vlm: LlavaForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        segmenter: Segmenter,
        code: LocationCode,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        self.name, self.cool_down = emphasis.name, emphasis.cool_down
        self._emphasis = emphasis
        self._vlm, self._projection = vlm, segmenter.projection
        self._code = code
        self.packer = Packer(tokenizer)
        self._image_signal = PlaceSignal(vlm.config.text_config.hidden_size, seed=0)
        self._segment_signal = PlaceSignal(vlm.config.text_config.hidden_size, seed=1)
        self.module = nn.ModuleDict({"vlm": vlm, "projection": segmenter.projection})
        tower = [(n, p) for n, p in self.module.named_parameters() if ".vision_tower." in n]
        rest = [(n, p) for n, p in self.module.named_parameters() if ".vision_tower." not in n]
        self.optimizer = MasterOptimizer(
            [(rest, emphasis.learning_rate, True), (tower, 0.27 * emphasis.learning_rate, False)]
        )
        self._scenes, self._validation = scenes, validation
        self._batch_size, self._seed = batch_size, seed
        self._weight = torch.tensor([emphasis.weights.get(kind, 1.0) for kind in KINDS])

    @cached_property
    def _places(self) -> Tensor:
        # Made when first needed: the aim stage does without them.
        return token_places(self._scenes)

    def image_tokens(self, pixels: Tensor) -> Tensor:
        """Projected patches ``(batch, tokens, width)``."""
        seen = self._vlm.model.vision_tower(pixels.to(self._vlm.dtype), output_hidden_states=True)
        read = seen.hidden_states[self._vlm.config.vision_feature_layer]
        return self._vlm.model.multi_modal_projector(read[:, 1:])

    def states(self, image: Tensor, pack: Pack) -> Tensor:
        """Last hidden states ``(batch, length, width)`` of the text (after the final norm)."""
        embed = self._vlm.get_input_embeddings()
        prefix = embed(torch.tensor(self.packer.prefix)).expand(len(image), -1, -1)
        inputs = torch.cat([prefix, image, embed(pack.tokens)], 1)
        output = self._vlm.model.language_model(
            inputs_embeds=inputs,
            attention_mask=pack.mask,
            position_ids=pack.positions,
            use_cache=False,
        )
        return output.last_hidden_state[:, self.packer.prefix_length :]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Weighted answer loss and [SEG] regression on a batch drawn from the seed and the step."""
        rng = turn_rng(self._seed, self.name, step)
        chosen = rng.sample(range(len(self._scenes)), self._batch_size)
        asked = [
            self._emphasis.ask(self._scenes.themes[s], self._scenes.objects[s], rng) for s in chosen
        ]
        pack = self.packer.pack(asked, _LENGTH)
        generator = torch.Generator().manual_seed(rng.getrandbits(48))
        pixels = jitter(normalise(self._scenes.pixels[torch.tensor(chosen)]), generator)
        image = self.image_tokens(pixels)
        states = self.states(image, pack)
        place = self._image_signal(image, self._places[torch.tensor(chosen)])
        asked_for = pack.labels != IGNORED
        logits = self._vlm.lm_head(states[asked_for]).float()
        entropy = F.cross_entropy(logits, pack.labels[asked_for], reduction="none")
        kind = pack.kind[asked_for]
        weight = self._weight[kind]
        answer = (entropy * weight).sum() / weight.sum()
        parts = {KINDS[k]: entropy[kind == k].mean().item() for k in kind.unique().tolist()}
        parts["place signal"] = place.item()
        answer = answer + place + _too_loud(image)
        if not pack.segments:
            return answer, parts
        seen = [self._scenes.objects[s] for s in chosen]
        prompt, said = self._aim(states, pack, seen)
        parts |= {"prompt": prompt.item(), "[SEG] place": said.item()}
        return answer + 0.3 * prompt + said, parts

    def _aim(
        self, states: Tensor, pack: Pack, objects: Sequence[Sequence[SceneObject]]
    ) -> tuple[Tensor, Tensor]:
        """Errors of the projected [SEG] states, and of the places they name, as shares of what could be wrong."""
        images, places, numbers = zip(*pack.segments, strict=True)
        wanted = [objects[i][number - 1] for i, number in zip(images, numbers, strict=True)]
        at_segment = states[list(images), list(places)]
        target = self._code(wanted).float()
        prompt = F.mse_loss(self._projection(at_segment).float(), target) / target.var()
        centers = torch.tensor([thing.center for thing in wanted]) / SIZE - 0.5
        return prompt, self._segment_signal(at_segment, centers)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Share of answers that are right in every token (teacher-forced), by kind, and the [SEG] error."""
        right: dict[str, list[bool]] = defaultdict(list)
        errors = []
        for first in range(0, 100, 20):
            chosen = range(first, first + 20)
            rng = turn_rng(0, "validation", first)
            objects = [self._validation.objects[s] for s in chosen]
            asked = [
                turns(self._validation.themes[s], present, rng)
                for s, present in zip(chosen, objects, strict=True)
            ]
            pack = self.packer.pack(asked, 320)
            image = self.image_tokens(normalise(self._validation.pixels[first : first + 20]))
            states = self.states(image, pack)
            hit = (self._vlm.lm_head(states).argmax(-1) == pack.labels) | (pack.labels == IGNORED)
            for image in range(len(chosen)):
                for number in pack.turn[image].unique().tolist():
                    if number >= 0:
                        here = pack.turn[image] == number
                        kind = KINDS[pack.kind[image][here][0]]
                        right[kind].append(hit[image][here].all().item())
            errors.append([error.item() for error in self._aim(states, pack, objects)])
        shares = {kind: sum(hits) / len(hits) for kind, hits in sorted(right.items())}
        prompt, place = (sum(column) / len(errors) for column in zip(*errors, strict=True))
        return shares | {"prompt": prompt, "[SEG] place": place}


def _too_loud(image: Tensor) -> Tensor:
    """Squared excess of the logarithm of the norms.

    Left alone, image tokens grew to 400 times the norm of a word, and every layer had to write as loudly to be heard.
    """
    norm = image.float().norm(dim=-1)
    return (norm.log() - math.log(_LOUDEST)).clamp(min=0).square().mean()


def _after_another(turn: Turn, rng: random.Random) -> Turn:
    """Some questions follow another one."""
    if turn.blind or rng.random() >= _FOLLOWING:
        return turn
    return replace(turn, after=rng.choice((AFTER_ANSWER, AFTER_QUESTION)))
