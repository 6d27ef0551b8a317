"""Which encoder a run means: its entry in the configuration, read and checked."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from sightline.files import sha256
from sightline.models.entry import Entry, ModelError, weight_files
from sightline.models.registry import DTYPES

FAMILIES = ("clip", "vit", "dinov2", "blip", "flava", "resnet", "patches")
WEIGHTS = ("trained", "random")
ATTENTION = ("all", "object", "token")
RESIZING = ("own", "squash")
# Kinds of attention beyond "all" need a tower whose attention can be replaced.
_GROUPED = ("clip", "vit", "dinov2")
_CHOICES = {
    "family": FAMILIES,
    "dtype": DTYPES,
    "weights": WEIGHTS,
    "attention": ATTENTION,
    "resize": RESIZING,
}


@dataclass(frozen=True)
class EncoderSource(Entry):
    """Where an encoder comes from and how it is run.

    Attributes:
        key: name in results.
        path: folder in the layout of ``save_pretrained``, or ``owner/name`` on the Hugging Face hub.
        family: class that knows its parts.
        revision: commit on the hub; None for a folder.
        dtype: of weights and activations; "auto" is float32 on a CPU and the checkpoint's own type elsewhere.
        device: such as "cpu" or "cuda:0"; "auto" takes a GPU if there is one.
        batch_size: images at a time.
        weights: "random" keeps the architecture and draws new weights from ``seed``.
        seed: of random weights.
        attention: "object" lets tokens attend to those of the same objects only, "token" to themselves only.
        resize: "squash" squeezes images to the tower's square instead of what its processor does.
        objective: what it was trained for, for figures and the variance between objectives.
    """

    example: ClassVar[str] = "{'key': 'dino', 'path': 'facebook/dino-vitb16', 'family': 'vit'}"

    key: str
    path: str
    family: str
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    batch_size: int = 32
    weights: str = "trained"
    seed: int = 0
    attention: str = "all"
    resize: str = "own"
    objective: str = ""

    def __post_init__(self) -> None:
        """Refuse what no loader would understand."""
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ModelError(
                    f"encoders.{self.key}.{name}: {getattr(self, name)!r} is unknown; "
                    f"give one of {', '.join(known)}."
                )
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ModelError(
                f"encoders.{self.key}.batch_size: {self.batch_size!r} is no count; give for example 32."
            )
        if self.attention != "all" and self.family not in _GROUPED:
            raise ModelError(
                f"encoders.{self.key}.attention: {self.attention} needs one of the families "
                f"{', '.join(_GROUPED)}; {self.family} has no attention that can be replaced."
            )
        if self.weights == "random" and self.family in ("resnet", "patches"):
            raise ModelError(
                f"encoders.{self.key}.weights: random weights are for transformer towers; "
                f"leave it out for {self.family}."
            )

    @property
    def folder(self) -> Path | None:
        """The encoder's folder, or None where ``path`` is a name on the hub.

        Raises:
            ModelError: it is neither.
        """
        folder = Path(self.path)
        names = ("config.json", "preprocessor_config.json", "processor_config.json")
        if any((folder / name).is_file() for name in names):
            return folder
        if folder.is_dir() or self.path.count("/") != 1:
            raise ModelError(
                f"encoders.{self.key}.path: {self.path} is no folder with a config.json and no hub name "
                "such as facebook/dino-vitb16. Relative folders count from the working directory."
            )
        return None

    @property
    def location(self) -> Path | str:
        """The encoder's folder, or its name on the hub."""
        return self.folder or self.path

    @property
    def identity(self) -> dict[str, Any]:
        """What fixes its features: settings, and for a folder the checksums of its files."""
        identity = {
            name: value
            for name, value in asdict(self).items()
            if name not in ("path", "device", "batch_size", "objective")
        }
        if self.folder is None:
            return identity | {"path": self.path}
        files = [*self.folder.glob("*config.json"), *weight_files(self.folder)]
        return identity | {"sha256": {file.name: sha256(file) for file in sorted(files)}}
