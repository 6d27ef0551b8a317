"""Measure everything that the stored read-outs of one model tell, without the model.

Writes, in a folder: states, best (`lens.curves`); attributes, numbers, counts, maps
(`lens.decoded`); shown_words, shown_patches (`lens.examples`), each a Parquet table.
"""

import argparse
from pathlib import Path

import pandas as pd

from sightline import cli
from sightline.files import write_parquet
from sightline.scenes.coco import Coco
from sightline.studies.neo2025.lens import decoded, examples
from sightline.studies.neo2025.lens.curves import Curves
from sightline.studies.neo2025.lens.image_set import MAIN, SCENE, WIDE
from sightline.studies.neo2025.lens.protocol import LensProtocol
from sightline.studies.neo2025.lens.regions import regions_by_image
from sightline.studies.neo2025.lens.stored import LensReader
from sightline.studies.neo2025.lens.words import Lexicon


def measure(
    reader: LensReader, about: Path, coco: Coco, protocol: LensProtocol
) -> dict[str, pd.DataFrame]:
    """All tables of one model.

    Args:
        reader: stored read-outs.
        about: folder of the tables beside them.
        coco: the split they are of.
        protocol: of the run.

    Returns:
        Name -> table, as the module lists them.
    """
    objects = pd.read_parquet(about / "objects.parquet")
    images = pd.read_parquet(about / "selection.parquet")
    regions = regions_by_image(objects, pd.read_parquet(about / "coverage.parquet"), reader.tokens)
    lexicon = Lexicon.read(about / "words.json")
    scenes = set(images.loc[images[SCENE], "image_id"])
    with_object = images[images[MAIN] | images[WIDE]]
    words = {
        image: decoded.true_words(coco.scene(image), lexicon.categories)
        for image in set(with_object["image_id"]) | set(regions)
    }
    model = reader.model
    curves = Curves(model, images, lexicon)
    attributes = decoded.Attributes(model, images, words, lexicon, protocol)
    in_scenes = objects.loc[objects["image_id"].isin(scenes) & ~objects["crowd"], "category"]
    maps = decoded.Maps(model, images, in_scenes, protocol, lexicon)
    said = examples.Said(lexicon, protocol)
    numbers: list[tuple] = []
    counts: list[tuple] = []
    for read_out in reader:
        image = read_out.image_id
        if image not in regions:
            continue
        curves.add(read_out, regions[image])
        attributes.add(read_out, regions[image])
        maps.add(read_out, regions[image])
        said.add(read_out)
        if image in scenes:
            numbers += decoded.number_rows(read_out, regions[image], lexicon, protocol, model)
            counts += decoded.count_rows(coco.scene(image), model)
    states, best = curves.tables()
    kinds = examples.Kinds(lexicon, {image: true for image, (_, true) in words.items()}, regions)
    main = dict(zip(with_object["image_id"], with_object["category"], strict=True))
    chosen = examples.choose_scenes(said, kinds, main, examples.SCENES)
    return {
        "states": states,
        "best": best,
        "attributes": attributes.table(),
        "numbers": _typed(numbers, decoded.NUMBER_COLUMNS),
        "counts": _typed(counts, decoded.COUNT_COLUMNS),
        "maps": maps.table(),
        "shown_words": examples.word_table(chosen, said, kinds, reader, lexicon),
        "shown_patches": examples.patch_table(chosen, reader, regions, lexicon, protocol),
    }


def _typed(rows: list[tuple], columns: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def main(options: argparse.Namespace) -> None:
    """Measure one model."""
    coco = Coco(options.dataset, options.split)
    protocol = LensProtocol.read(options.protocol)
    for name, table in measure(LensReader(options.lens), options.about, coco, protocol).items():
        write_parquet(table, options.out / f"{name}.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lens", type=Path, required=True, help="trace set of read-outs")
    parser.add_argument("--about", type=Path, required=True, help="folder of the tables beside it")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    cli.run(main, parser)
