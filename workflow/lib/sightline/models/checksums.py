"""Checksums beside the weights of a model that comes with the repository: a flipped bit is found before it is used.

    python -m sightline.models.checksums resources/demo/llava resources/demo/segmenter resources/demo/sam

writes ``SHA256SUMS`` into each folder, in the form of the tool ``sha256sum``. A folder without it is not checked.
"""

import argparse
from pathlib import Path

from sightline import cli
from sightline.files import atomic_path, sha256
from sightline.models.entry import ModelError

NAME = "SHA256SUMS"
PATTERN = "*.safetensors"


def write_checksums(folder: Path | str) -> None:
    """List the weights of a folder with their checksums.

    Raises:
        ModelError: there are none.
    """
    folder = Path(folder)
    files = sorted(folder.glob(PATTERN))
    if not files:
        raise ModelError(f"{folder}: no {PATTERN} here. Name the folder of a model.")
    with atomic_path(folder / NAME) as temporary:
        temporary.write_text("".join(f"{sha256(file)}  {file.name}\n" for file in files))


def check_weights(folder: Path | str) -> None:
    """Compare the weights of a folder with the list beside them, if there is one.

    Raises:
        ModelError: names the file that is missing, or other than listed.
    """
    listed = Path(folder) / NAME
    if not listed.is_file():
        return
    for line in listed.read_text().splitlines():
        digest, _, name = line.partition("  ")
        file = listed.with_name(name)
        if not name or not file.is_file() or sha256(file) != digest:
            raise ModelError(
                f"{file}: missing, or not the weights that {listed} lists. Get the file again; "
                f"after training anew, run python -m sightline.models.checksums {folder}."
            )


def main(options: argparse.Namespace) -> None:
    """Write the lists."""
    for folder in options.folders:
        write_checksums(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="folders of models")
    cli.run(main, parser)
