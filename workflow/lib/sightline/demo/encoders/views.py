"""Pictures of one object that share nothing else: on other grounds, turned, mirrored, near or far, in other colours.

Two crops of one scene share its background, its light and its details, and an encoder that is asked to tell them from
crops of other scenes has no need of objects. Here the dominant object is cut out by its mask and put where that of
another scene was, among the details of that scene. No name and no colour word is used, but the mask is.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sightline.demo.precision import TRAINING
from sightline.demo.training_set import TrainingSet, normalise
from sightline.demo.world import SIZE

_GROUNDS = 3000
_BLUR, _EDGE = 31, 5
_ZOOM, _ZOOM_RANGE = 0.85, 1.4
_NEAR, _FAR = 0.15, 0.4
_TURN = math.radians(25)
_TINT = 0.3
_GREY = 0.3
_PER_BLUR = 250


class Views:
    """Views of the dominant objects of scenes.

    Args:
        scenes: with objects. Grounds are the first of them, without their dominant objects.
    """

    def __init__(self, scenes: TrainingSet) -> None:
        self._scenes = scenes
        dominant = [next(one for one in present if one.dominant) for present in scenes.objects]
        self._centers = (torch.tensor([one.center for one in dominant]) + 0.5) / SIZE * 2 - 1
        self._numbers = torch.tensor([one.number for one in dominant])
        places = torch.arange(min(_GROUNDS, len(scenes))).split(_PER_BLUR)
        self._grounds = torch.cat([self._ground(chosen).half() for chosen in places])

    def draw(self, chosen: list[int], strength: float, generator: torch.Generator) -> Tensor:
        """One view per scene, (batch, 3, SIZE, SIZE), normalised.

        Args:
            chosen: places of the scenes.
            strength: 0 gives windows on the scenes as they are, 1 the full variety; between them, some grounds are
                exchanged, and all else varies less.
            generator: of all that is drawn.
        """
        places = torch.tensor(chosen)
        images = self._on_other_grounds(places, strength, generator)
        return _recolored(self._windows(images, places, strength, generator), strength, generator)

    def _masks(self, places: Tensor) -> Tensor:
        """Where the dominant objects are, (batch, 1, SIZE, SIZE) bool."""
        return (self._scenes.instances[places] == self._numbers[places, None, None])[:, None]

    def _ground(self, places: Tensor) -> Tensor:
        """Scenes whose dominant object is painted over with the blurred colours around it."""
        images = normalise(self._scenes.pixels[places])
        # Beyond the mask its smoothed edge would stay, and with it the silhouette.
        free = 1 - F.max_pool2d(self._masks(places).float(), _EDGE, 1, _EDGE // 2)
        colors, weights = images * free, free
        # Objects are wider than one blur reaches.
        for _ in range(3):
            colors, weights = _blurred(colors), _blurred(weights)
        return torch.where(free.bool(), images, colors / weights.clamp(min=1e-4))

    def _on_other_grounds(self, places: Tensor, share: float, generator: torch.Generator) -> Tensor:
        images, batch = normalise(self._scenes.pixels[places]), len(places)
        drawn = torch.randint(len(self._grounds), (batch,), generator=generator)
        grounds = self._grounds[drawn].float()
        mirrored = _coins(batch, 0.5, generator)
        grounds[mirrored] = grounds[mirrored].flip(-1)
        turned = _coins(batch, 0.5, generator)
        grounds[turned] = grounds[turned].transpose(-1, -2)
        pasted = torch.where(self._masks(places), images, grounds)
        return torch.where(_coins(batch, share, generator)[:, None, None, None], pasted, images)

    def _windows(
        self, images: Tensor, places: Tensor, strength: float, generator: torch.Generator
    ) -> Tensor:
        """A square around each object, not quite in its middle, turned and mirrored, at full size."""
        batch = len(images)
        scale = _ZOOM * _ZOOM_RANGE ** (strength * _spread(batch, generator=generator))
        aside = _spread(batch, 2, generator=generator) * (_NEAR + _FAR * strength)
        angle = _spread(batch, generator=generator) * _TURN * strength
        side = torch.where(_coins(batch, 0.5 * strength, generator), -1.0, 1.0)
        affine = torch.zeros(batch, 2, 3)
        affine[:, 0, 0] = scale * angle.cos() * side
        affine[:, 0, 1] = -scale * angle.sin()
        affine[:, 1, 0] = scale * angle.sin() * side
        affine[:, 1, 1] = scale * angle.cos()
        affine[:, :, 2] = self._centers[places] + aside * scale[:, None]
        grid = F.affine_grid(affine, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, align_corners=False, padding_mode="border")


def _recolored(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Each image in colours of its own, some grey, in another light and contrast."""
    batch = len(images)
    mixed = torch.eye(3) + _TINT * strength * torch.randn(batch, 3, 3, generator=generator)
    grey = _coins(batch, _GREY * strength, generator)
    mixed[grey] = mixed[grey].mean(1, keepdim=True)
    shift = _TINT * strength * torch.randn(batch, 3, 1, generator=generator)
    seen = torch.baddbmm(shift, mixed, images.flatten(2)).view_as(images)
    middle, spread = seen.mean((1, 2, 3), keepdim=True), seen.std((1, 2, 3), keepdim=True)
    # Scenes have a mean of .16 and a deviation of .64 on average; views are to lie around these.
    contrast = 0.64 + 0.25 * strength * _spread(batch, 1, 1, 1, generator=generator)
    light = 0.16 + _TINT * strength * torch.randn(batch, 1, 1, 1, generator=generator)
    return ((seen - middle) / (spread + 1e-3) * contrast + light).to(TRAINING)


def _blurred(images: Tensor) -> Tensor:
    rows = F.avg_pool2d(images, (1, _BLUR), 1, (0, _BLUR // 2))
    return F.avg_pool2d(rows, (_BLUR, 1), 1, (_BLUR // 2, 0))


def _spread(*shape: int, generator: torch.Generator) -> Tensor:
    """Uniform between -1 and 1."""
    return torch.rand(*shape, generator=generator) * 2 - 1


def _coins(number: int, share: float, generator: torch.Generator) -> Tensor:
    return torch.rand(number, generator=generator) < share
