"""Classification of the dominant object from CLS; nothing rewards knowing the details."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPVisionModel

from sightline.demo.encoders.body import WIDTH, Batches, clean_pixels, primary_labels
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import TrainingSet


class Classification:
    """Stage; gate: accuracy of the dominant category at least .95."""

    cool_down = 0.4

    def __init__(
        self,
        name: str,
        body: CLIPVisionModel,
        scenes: TrainingSet,
        validation: TrainingSet,
        batch_size: int,
        seed: int,
    ) -> None:
        self.name = name
        self._body, self._head = body, nn.Linear(WIDTH, len(CATEGORIES)).bfloat16()
        self.module = nn.ModuleList([body, self._head])
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 1e-3, True)])
        self._batches = Batches(scenes, batch_size, seed)
        self._labels = primary_labels(scenes)
        self._validation, self._validation_labels = validation, primary_labels(validation)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy on a batch."""
        chosen, _, generator = self._batches.draw(step)
        seen = self._body(self._batches.pixels(chosen, generator)).pooler_output
        loss = F.cross_entropy(self._head(seen).float(), self._labels[torch.tensor(chosen)])
        return loss, {"entropy": loss.item()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Accuracy on the validation scenes."""
        seen = self._body(clean_pixels(self._validation, slice(None))).pooler_output
        right = self._head(seen).argmax(-1) == self._validation_labels
        return {"primary accuracy": right.float().mean().item()}
