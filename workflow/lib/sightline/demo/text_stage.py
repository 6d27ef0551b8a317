"""First stage of a text model: the language of the world, without images.

Descriptions and dialogues as plain text, every token predicted: what usually stands beside what, and how questions are
answered at all, is known before the first image is seen, as in the language models that VLMs are made from.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from sightline.demo.language import describe
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.packing import IGNORED, turn_rng
from sightline.demo.questions import turns
from sightline.demo.training_set import TrainingSet

_LENGTH = 192


class TextStage:
    """Next-token prediction on what is said about scenes that are not shown.

    Args:
        vlm: its text model, embeddings and head learn.
        tokenizer: of the world's language.
        scenes: to speak about.
        validation: for the learning curve.
        batch_size: texts per step.
        seed: of the batches.
    """

    name = "text"
    cool_down = 0.3

    def __init__(
        self,
        vlm: LlavaForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        self._text, self._head = vlm.model.language_model, vlm.lm_head
        self._tokenizer = tokenizer
        self.module = nn.ModuleDict({"text": self._text, "head": self._head})
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 5e-4, True)])
        self._scenes, self._validation = scenes, validation
        self._batch_size, self._seed = batch_size, seed

    def _read(self, scenes: TrainingSet, chosen: list[int], name: str, step: int) -> Tensor:
        """Token ids (texts, _LENGTH): a description, then questions with their answers; padded."""
        rng = turn_rng(self._seed, name, step)
        pad, end = self._tokenizer.pad_token_id, self._tokenizer.eos_token_id
        rows = torch.full((len(chosen), _LENGTH), pad)
        for row, scene in zip(rows, chosen, strict=True):
            theme, objects = scenes.themes[scene], scenes.objects[scene]
            asked = [turn for turn in turns(theme, objects, rng) if not turn.blind]
            # The answer to a request for a mask says nothing without one.
            said = [f"USER: {t.question} ASSISTANT: {t.answer}" for t in asked if not t.target]
            texts = [describe(theme, objects), *said]
            ids = [self._tokenizer.bos_token_id]
            for text in texts:
                ids += [*self._tokenizer(text, add_special_tokens=False).input_ids, end]
            row[: len(ids)] = torch.tensor(ids[:_LENGTH])
        return rows

    def _entropy(self, ids: Tensor) -> Tensor:
        states = self._text(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        wanted = ids[:, 1:].masked_fill(ids[:, 1:] == self._tokenizer.pad_token_id, IGNORED)
        return F.cross_entropy(
            self._head(states).float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED
        )

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mean entropy per token on a batch drawn from the seed and the step."""
        rng = turn_rng(self._seed, f"{self.name} scenes", step)
        chosen = rng.sample(range(len(self._scenes)), self._batch_size)
        loss = self._entropy(self._read(self._scenes, chosen, self.name, step))
        return loss, {"entropy": loss.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Entropy per token, in nats, on validation texts."""
        ids = self._read(self._validation, list(range(64)), "text validation", 0)
        return {"entropy": self._entropy(ids).item()}
