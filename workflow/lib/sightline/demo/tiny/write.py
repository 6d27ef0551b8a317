"""Write a random checkpoint of a few thousand weights, and list its files as those of a fetched one are.

    python -m sightline.demo.tiny.write --kind internvl2 --seed 0 --out results/mini/tiny/mini-internvl2 \
        --manifest results/mini/tiny/mini-internvl2.json

The same kind and seed give the same bytes.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from sightline import cli
from sightline.demo.tiny import encoders, internvl2, lisa
from sightline.demo.tiny.sam import write_sam
from sightline.demo.tiny.vlms import build_internvl, build_llava, build_qwen2_5_vl
from sightline.demo.tiny.words import all_words
from sightline.errors import SightlineError
from sightline.files import sha256, write_json


def _lisa(folder: Path, seed: int) -> None:
    words = all_words()
    lisa.write_checkpoint(folder, lisa.draw(seed, words=words)[0], words)


def _lisa_tower(folder: Path, seed: int) -> None:
    lisa.write_tower(folder, lisa.draw(seed)[1])


def _encoder(name: str) -> Callable[[Path, int], None]:
    def write(folder: Path, seed: int) -> None:
        torch.manual_seed(seed)
        # Finer than in tests: an object of the world covers several tokens.
        encoders.BUILD[name](folder, all_words(), 2 * encoders.SIDE)

    return write


KINDS: dict[str, Callable[[Path, int], object]] = {
    "llava": lambda folder, seed: build_llava(folder, "llama", seed, all_words()),
    "llava-phi3": lambda folder, seed: build_llava(folder, "phi3", seed, all_words()),
    "internvl": lambda folder, seed: build_internvl(folder, "qwen2", seed, all_words()),
    "internvl2": lambda folder, seed: internvl2.write(folder, "llama", "6B", seed, all_words()),
    "qwen2.5-vl": lambda folder, seed: build_qwen2_5_vl(folder, seed, all_words()),
    "lisa": _lisa,
    "lisa-tower": _lisa_tower,
    "sam": write_sam,
    **{name: _encoder(name) for name in encoders.BUILD},
}
"""What can be written: kind -> writer of a folder from a seed."""


def main(options: argparse.Namespace) -> None:
    """Write one checkpoint.

    Raises:
        SightlineError: the folder holds files, but no checkpoint.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    former = [path for path in options.out.iterdir() if not path.is_dir()]
    if former and options.out / "config.json" not in former:
        raise SightlineError(
            f"--out {options.out}: holds {former[0].name}, but no config.json, so it is no checkpoint to write anew. "
            "Name an empty folder."
        )
    for path in former:
        # It may be a link to a file of somebody else, which would be written through.
        path.unlink()
    KINDS[options.kind](options.out, options.seed)
    files = sorted(path for path in options.out.iterdir() if path.is_file())
    for path in files:
        # Weights are saved for their owner alone.
        path.chmod(0o644)
    sums = {path.name: sha256(path) for path in files}
    write_json({"path": f"tiny:{options.kind}", "files": sums}, options.manifest)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON, written last")
    cli.run(main, parser)
