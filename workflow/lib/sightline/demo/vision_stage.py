"""Second stage: the vision tower learns what and where things are, patch by patch, and what they are called.

Every patch is told its category, colour and the centre of its object, and the projected patch is drawn towards the
input embeddings of its category and colour words, which stay as the text stage left them. Dense targets teach a small
tower many times faster than captions do; the price, said in the model card, is that image tokens resemble word
embeddings by training.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from sightline.demo.architecture import PATCH, SIDE
from sightline.demo.optimizer import MasterOptimizer
from sightline.demo.precision import TRAINING
from sightline.demo.silhouettes import CATEGORIES
from sightline.demo.training_set import TrainingSet, jitter, normalise
from sightline.demo.world import COLORS, SIZE

BACKGROUND = len(CATEGORIES)
_IGNORED = -100
_SHARPNESS = 12.0


@dataclass(frozen=True)
class PatchTargets:
    """What each patch shows, (scenes, SIDE * SIDE): category (BACKGROUND, or ignored at edges), colour, centre."""

    category: Tensor
    color: Tensor
    center: Tensor


def patch_targets(scenes: TrainingSet) -> PatchTargets:
    """A patch belongs to the object that fills most of it, if that is 10 pixels or more."""
    number = len(scenes)
    patches = scenes.instances.view(number, SIDE, PATCH, SIDE, PATCH).permute(0, 1, 3, 2, 4)
    patches = patches.reshape(number, SIDE * SIDE, PATCH * PATCH)
    most = max(len(objects) for objects in scenes.objects)
    counts = torch.stack([(patches == k).sum(-1) for k in range(1, most + 1)], -1)
    filled, owner = counts.max(-1)
    categories = torch.full((number, most + 1), BACKGROUND)
    colors = torch.full((number, most + 1), _IGNORED)
    centers = torch.zeros((number, most + 1, 2))
    for scene, objects in enumerate(scenes.objects):
        for thing in objects:
            categories[scene, thing.number] = CATEGORIES.index(thing.category)
            colors[scene, thing.number] = list(COLORS).index(thing.color)
            centers[scene, thing.number] = torch.tensor(thing.center) / SIZE - 0.5
    index = torch.where(filled >= 10, owner + 1, 0)
    category, color = categories.gather(1, index), colors.gather(1, index)
    category[(filled > 0) & (filled < 10)] = _IGNORED
    center = centers.gather(1, index[..., None].expand(-1, -1, 2))
    return PatchTargets(category, color, center)


class VisionHeads(nn.Module):
    """Linear read-outs that exist during this stage only."""

    def __init__(self, width: int, projected: int) -> None:
        super().__init__()
        self.category = nn.Linear(width, BACKGROUND + 1)
        self.color = nn.Linear(width, len(COLORS))
        self.center = nn.Linear(projected, 2)
        self.position = nn.Linear(projected, 2)
        self.present = nn.Linear(width, BACKGROUND)


class VisionStage:
    """Dense pretraining of tower and projector."""

    name = "vision"
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
        self._tower = vlm.model.vision_tower
        self._projector = vlm.model.multi_modal_projector
        self._embeddings = vlm.get_input_embeddings()
        text_width = self._embeddings.weight.shape[1]
        self._heads = VisionHeads(self._tower.config.hidden_size, text_width).to(TRAINING)
        self.module = nn.ModuleList([self._tower, self._projector, self._heads])
        self.optimizer = MasterOptimizer([(self.module.named_parameters(), 1e-3, False)])
        self._scenes, self._validation = scenes, validation
        # The first word of a two-word category stands for it.
        self._category_words = torch.tensor([_first_id(tokenizer, name) for name in CATEGORIES])
        self._color_words = torch.tensor([_first_id(tokenizer, name) for name in COLORS])
        rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
        self._positions = (torch.stack([columns, rows], -1).reshape(-1, 2) + 0.5) / SIDE - 0.5
        self._batch_size, self._seed = batch_size, seed

    @cached_property
    def _targets(self) -> PatchTargets:
        # Made when first needed: a restart after this stage does without them.
        return patch_targets(self._scenes)

    @cached_property
    def _validation_targets(self) -> PatchTargets:
        return patch_targets(self._validation)

    def _see(self, pixels: Tensor) -> dict[str, Tensor]:
        output = self._tower(pixels.to(TRAINING), output_hidden_states=True)
        patches = output.hidden_states[-2][:, 1:]
        projected = self._projector(patches)
        direction = F.normalize(projected.float(), dim=-1)
        words = F.normalize(self._embeddings.weight.detach().float(), dim=-1)
        return {
            "category": self._heads.category(patches).float(),
            "color": self._heads.color(patches).float(),
            "center": self._heads.center(projected).float(),
            "position": self._heads.position(projected).float(),
            "present": self._heads.present(output.pooler_output).float(),
            "category word": _SHARPNESS * direction @ words[self._category_words].T,
            "color word": _SHARPNESS * direction @ words[self._color_words].T,
        }

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Sum of the dense losses on a batch drawn from the seed and the step."""
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        chosen = torch.randint(len(self._scenes), (self._batch_size,), generator=generator)
        pixels = jitter(normalise(self._scenes.pixels[chosen]), generator)
        category, color = self._targets.category[chosen], self._targets.color[chosen]
        seen = self._see(pixels)
        weight = torch.ones(BACKGROUND + 1)
        weight[BACKGROUND] = 0.3
        on_object = (category >= 0) & (category != BACKGROUND)
        present = torch.zeros(len(chosen), BACKGROUND + 1)
        present.scatter_(1, category.clamp(min=0), 1.0)
        named = torch.where(category == BACKGROUND, _IGNORED, category)
        parts = {
            "category": F.cross_entropy(
                seen["category"].flatten(0, 1), category.flatten(), weight, ignore_index=_IGNORED
            ),
            "color": 0.5 * _cross_entropy(seen["color"], color),
            "present": 0.5
            * F.binary_cross_entropy_with_logits(seen["present"], present[:, :BACKGROUND]),
            "category word": _cross_entropy(seen["category word"], named),
            "color word": 0.5 * _cross_entropy(seen["color word"], color),
            "center": 4
            * F.mse_loss(seen["center"][on_object], self._targets.center[chosen][on_object]),
            "position": 4
            * F.mse_loss(seen["position"], self._positions.expand_as(seen["position"])),
        }
        return sum(parts.values()), {name: part.item() for name, part in parts.items()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Accuracy per object patch of category and colour, and of their words; error of the centre in pixels."""
        seen = [
            self._see(normalise(pixels))
            for pixels in self._validation.pixels.split(self._batch_size)
        ]
        joined = {name: torch.cat([part[name] for part in seen]) for name in seen[0]}
        category, color = self._validation_targets.category, self._validation_targets.color
        on_object = (category >= 0) & (category != BACKGROUND)
        colored = color >= 0

        def accuracy(name: str, truth: Tensor, where: Tensor) -> float:
            return (joined[name].argmax(-1) == truth)[where].float().mean().item()

        miss = joined["center"] - self._validation_targets.center
        return {
            "category": accuracy("category", category, on_object),
            "background": accuracy("category", category, category == BACKGROUND),
            "color": accuracy("color", color, colored),
            "category word": accuracy("category word", category, on_object),
            "color word": accuracy("color word", color, colored),
            "center error px": miss[on_object].norm(dim=-1).mean().item() * SIZE,
        }


def _cross_entropy(scores: Tensor, truth: Tensor) -> Tensor:
    return F.cross_entropy(scores.flatten(0, 1), truth.flatten(), ignore_index=_IGNORED)


def _first_id(tokenizer: PreTrainedTokenizerFast, name: str) -> int:
    return tokenizer(name, add_special_tokens=False).input_ids[0]
