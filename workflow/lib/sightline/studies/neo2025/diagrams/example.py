"""The tokens that each condition replaced in one image of the ablation, for Figure 2.

The image is chosen from the answers: right in as many settings as there are, lost with object + 1, kept
with as many random tokens. Its tokens are found again as the ablation found them.

python -m sightline.studies.neo2025.diagrams.example --model model.json --dataset data/coco --split val2017 \
    --selection selection.parquet --questions questions.parquet --measurements ablation/demo-llava.parquet \
    --mean demo-llava.safetensors --protocol neo2025.json --out example/demo-llava.parquet
"""

import argparse
from io import BytesIO
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.files import write_parquet
from sightline.instruments.mean_token import load_mean_token
from sightline.models.arguments import add_model, read_model
from sightline.models.loading import load_vlm
from sightline.scenes.coco import Coco
from sightline.scenes.mentions import Vocabulary
from sightline.studies.neo2025 import subsets
from sightline.studies.neo2025.ablation import Ablation, Task, list_tasks
from sightline.studies.neo2025.diagrams.example_columns import (
    EXAMPLE_COLUMNS,
    PLUS_1,
    RANDOM,
    SHOWN,
)
from sightline.studies.neo2025.measurements import MeasurementError, read_measurements
from sightline.studies.neo2025.protocol import Protocol


def choose_image(measurements: pd.DataFrame) -> int:
    """The image whose answers tell most: of equals, the one with the smallest id.

    Raises:
        MeasurementError: no image was measured.
    """
    if measurements.empty:
        raise MeasurementError(
            "ablation: no image was measured, so none can be shown. Widen studies: neo2025: ablation_set."
        )

    def right(condition: str, variant: str) -> pd.Series:
        chosen = measurements["condition"].eq(condition) & measurements["variant"].eq(variant)
        return measurements[chosen].groupby("image_id")["correct"].sum()

    answers = pd.DataFrame(
        {"clean": right(subsets.NONE, ""), "cut": right(*PLUS_1), "random": right(*RANDOM)}
    ).fillna(0)
    told = answers["clean"] * 2 - answers["cut"] + answers["random"]
    return int(told.sort_index().idxmax())


def example_rows(ablation: Ablation, task: Task) -> pd.DataFrame:
    """EXAMPLE_COLUMNS of one image."""
    vlm, scene, instance = ablation.vlm, task.candidate.scene, task.candidate.instance
    image = scene.image()
    (clean,) = vlm.encode_images([image])
    norms = ablation.norms(image, clean)
    conditions, _ = ablation.conditions(task, clean, norms, ablation.prompts(task))
    buffer = BytesIO()
    vlm.transform.apply_image(scene.image()).save(buffer, "JPEG", quality=90, subsampling=0)
    common = {
        "model": vlm.key, "image_id": scene.id, "object_id": instance.id,
        "category": instance.category, "rows": vlm.grid.rows, "columns": vlm.grid.columns,
        "picture": buffer.getvalue(),
    }  # fmt: skip
    rows = [
        common | {"condition": one.condition, "variant": one.variant, "tokens": one.tokens.tolist()}
        for one in conditions
        if (one.condition, one.variant) in SHOWN and one.draw == 0
    ]
    return pd.DataFrame(rows, columns=list(EXAMPLE_COLUMNS)).astype(EXAMPLE_COLUMNS)


def main(options: argparse.Namespace) -> None:
    """Write the table of one model."""
    image = choose_image(read_measurements([options.measurements]))
    source, coco = read_model(options), Coco(options.dataset, options.split)
    protocol = Protocol.read(options.protocol)
    questions = protocol.under_ablation(pd.read_parquet(options.questions))
    tasks = list_tasks(coco, pd.read_parquet(options.selection), questions)
    task = next(one for one in tasks if one.candidate.scene.id == image)
    vlm = load_vlm(source)
    mean = load_mean_token(options.mean).to(vlm.device, vlm.dtype)
    vocabulary = Vocabulary(coco.categories.values())
    ablation = Ablation(vlm, mean, vocabulary, protocol, source.batch_size)
    write_parquet(example_rows(ablation, task), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_model(parser)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--selection", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--measurements", type=Path, required=True, help="answers of the ablation")
    parser.add_argument("--mean", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
