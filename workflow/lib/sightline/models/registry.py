"""Which model a run means: its entry in the configuration, read and checked."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from sightline.files import sha256
from sightline.models.entry import Entry, ModelError, weight_files

FAMILIES = ("llava", "internvl", "qwen2_5_vl")
DTYPES = ("auto", "float32", "float16", "bfloat16")
QUANTIZATIONS = (None, "8bit", "4bit")
DEVICE_MAPS = (None, "auto", "balanced")
# Settings that mean nothing to the other families.
_ONLY_FOR = {"image_size": "qwen2_5_vl", "tiles": "internvl"}
# Beside the weights, what fixes what a model makes of an image and a question.
_INPUTS = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt",
)  # fmt: skip
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class ModelSource(Entry):
    """Where a model comes from and how it is run.

    Attributes:
        key: name of the model in results.
        path: folder in the layout of ``save_pretrained``, or ``owner/name`` on the Hugging Face
            hub.
        family: adapter that knows the model's parts.
        prompt: key of a template in ``sightline.models.prompts``.
        revision: commit on the hub; None for a folder.
        dtype: of weights and activations; "auto" is float32 on a CPU and the checkpoint's own type
            elsewhere.
        device: such as "cpu" or "cuda:0"; "auto" takes a GPU if there is one.
        batch_size: sequences or images at a time; no result depends on it.
        image_size: side in px of the square that images are squashed to; for families whose tower
            takes any size, which otherwise choose one.
        tiles: most tiles an image is cut into, the thumbnail not counted; for families with tiles.
        quantization: "8bit" or "4bit" stores the language model's matrices so, with bitsandbytes; None as they are.
        device_map: how layers are spread over several GPUs, "auto" or "balanced" as accelerate does it; None keeps the
            model on one device.
        gpus: how many of them, where they are spread; None takes all there are.
        license: for the record.
    """

    example: ClassVar[str] = "{'key': 'demo-llava', 'path': 'resources/demo/llava'}"

    key: str
    path: str
    family: str = "llava"
    prompt: str = "llava-1.5"
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    batch_size: int = 16
    image_size: int | None = None
    tiles: int = 1
    quantization: str | None = None
    device_map: str | None = None
    gpus: int | None = None
    license: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no adapter or loader would understand."""
        for name, known in (
            ("family", FAMILIES),
            ("dtype", DTYPES),
            ("quantization", QUANTIZATIONS),
            ("device_map", DEVICE_MAPS),
        ):
            if getattr(self, name) not in known:
                raise ModelError(
                    f"models.{self.key}.{name}: {getattr(self, name)!r} is unknown; "
                    f"give one of {', '.join(filter(None, known))}."
                )
        for name, example in (("batch_size", 16), ("tiles", 12), ("image_size", 672), ("gpus", 4)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ModelError(
                    f"models.{self.key}.{name}: {value!r} is no count; give for example {example}."
                )
        for name, family in _ONLY_FOR.items():
            if self.family != family and getattr(self, name) not in (None, 1):
                raise ModelError(
                    f"models.{self.key}.{name}: only {family} has it, and the family here is "
                    f"{self.family}. Leave it out."
                )

    @property
    def folder(self) -> Path | None:
        """The model's folder, or None where ``path`` is a name on the hub.

        Raises:
            ModelError: it is neither.
        """
        folder = Path(self.path)
        if (folder / "config.json").is_file():
            return folder
        if folder.is_dir() or not _HUB_ID.fullmatch(self.path):
            raise ModelError(
                f"models.{self.key}.path: {self.path} is no folder with a config.json and no hub "
                "name such as llava-hf/llava-1.5-7b-hf. Relative folders count from the working "
                "directory."
            )
        return None

    @property
    def location(self) -> Path | str:
        """The model's folder, or its name on the hub.

        Raises:
            ModelError: it is neither.
        """
        return self.folder or self.path

    @property
    def identity(self) -> dict[str, Any]:
        """What fixes weights and inputs: path and revision, or for a folder the checksums of its files.

        Those of the processor and the tokenizer count too: they say what pixels and ids a model gets. Large files
        are read whole. Batch size, device and number of GPUs are left out: results do not depend on them. How layers
        are stored and spread is in, because both change the last digits.
        """
        identity = {
            name: value
            for name, value in asdict(self).items()
            if name in ("key", "family", "prompt", "revision")
        }
        # Left out where there is none, so that what was cached before there was a choice stays valid.
        placed = {"quantization": self.quantization, "device_map": self.device_map}
        identity |= {name: value for name, value in placed.items() if value}
        if self.folder is None:
            return identity | {"path": self.path}
        files = {file for pattern in _INPUTS for file in self.folder.glob(pattern)}
        files |= {*weight_files(self.folder)}
        return identity | {"sha256": {file.name: sha256(file) for file in sorted(files)}}
