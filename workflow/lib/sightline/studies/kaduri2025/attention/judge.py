"""Hold descriptions with image tokens hidden against the unmodified one of their image (kaduri2025 section 2.5)."""

import argparse
import logging
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.files import write_parquet
from sightline.scenes.coco import Coco
from sightline.studies.judging.comparison import Judge
from sightline.studies.judging.opening import open_judge
from sightline.studies.kaduri2025.attention.measurements import (
    ALL_LAYERS,
    EVERYTHING_SEEN,
    JUDGED,
    MeasurementError,
    read_sweep,
)
from sightline.studies.kaduri2025.protocol import Protocol

log = logging.getLogger(__name__)


def judge_all(sweep: pd.DataFrame, judge: Judge) -> pd.DataFrame:
    """Judge the descriptions of one model.

    Args:
        sweep: SWEEP.
        judge: who compares.

    Returns:
        JUDGED. Images whose reference names no object are left out: nothing could be kept or lost.

    Raises:
        MeasurementError: an image has no unmodified description.
    """
    whole = (sweep["selection"] == EVERYTHING_SEEN) & (sweep["family"] == ALL_LAYERS)
    references = sweep[whole].set_index("image_id")["text"]
    parts = []
    for image, part in sweep.groupby("image_id", sort=False):
        if image not in references.index:
            raise MeasurementError(
                f"image {image}: no unmodified description. Measure again "
                "(snakemake --forcerun hide_tokens)."
            )
        reference = references[image]
        # Many restrictions end in the same words.
        said = {text: judge.compare(reference, text).to_row() for text in part["text"].unique()}
        if not said[reference]["tp"]:
            log.info("image %d left out: its description names no object", image)
            continue
        found = pd.DataFrame([said[text] for text in part["text"]], index=part.index)
        parts.append(part.join(found))
    if not parts:
        raise MeasurementError("no description names an object; check the model and its questions.")
    return pd.concat(parts, ignore_index=True)[list(JUDGED)].astype(JUDGED)


def main(options: argparse.Namespace) -> None:
    """Judge the descriptions of one model."""
    protocol = Protocol.read(options.protocol)
    names = Coco(options.dataset, options.split).categories.values()
    judge = open_judge(protocol.judge, names, options.record)
    write_parquet(judge_all(read_sweep(options.descriptions), judge), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--descriptions", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--record", type=Path, help="answers of a language model that judges")
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
