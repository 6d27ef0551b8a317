"""Classification of the dominant object from CLS; nothing rewards knowing the details."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPVisionModel

from sightline.demo.encoders.body import WIDTH, Batches, clean_pixels, primary_labels
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.precision import TRAINING
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
        self._body, self.head = body, nn.Linear(WIDTH, len(CATEGORIES)).to(TRAINING)
        self.module = nn.ModuleList([body, self.head])
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 1e-3, True)])
        self._batches = Batches(scenes, batch_size, seed)
        self._labels = primary_labels(scenes)
        self._validation = validation

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy on a batch."""
        chosen, _, generator = self._batches.draw(step)
        seen = self._body(self._batches.pixels(chosen, generator)).pooler_output
        loss = F.cross_entropy(self.head(seen).float(), self._labels[torch.tensor(chosen)])
        return loss, {"entropy": loss.item()}

    def evaluate(self) -> dict[str, float]:
        """Accuracy on the validation scenes."""
        hits = named_primaries(self._body, self.head, self._validation)
        return {"primary accuracy": hits.float().mean().item()}


@torch.no_grad()
def named_primaries(body: CLIPVisionModel, head: nn.Linear, scenes: TrainingSet) -> Tensor:
    """Whether the likeliest category is that of the dominant object, (scenes,) bool."""
    seen = body(clean_pixels(scenes, slice(None)).to(body.dtype)).pooler_output
    return head(seen).argmax(-1) == primary_labels(scenes)
