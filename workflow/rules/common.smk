"""Paths and look-ups that rules share; no rule."""

import json
import os
import re
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from sightline.config import ConfigError, check_config, load_schema
from sightline.entries import CONVERTED_FOLDERS, origin, whole_entry
from sightline.models.entry import weight_files
from sightline.scenes.inventory import find_file
from sightline.scenes.single_images import SINGLE, choose_way
from sightline.sources import LIBRARY, code_digest
from sightline.studies.image_counts import count_images
from sightline.unpinned import warning as unpinned_warning

# Jobs use the interpreter that runs Snakemake, or that of their conda environment, and this library.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    PYTHONPATH=f"{LIBRARY}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
)

# Threads that wait for each other by spinning bring a job to a crawl as soon as anything else runs beside it: 400
# small matrix products took 13 s beside one busy core, and 0.8 s with sleeping threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Only the jobs that fetch go to the hub, and they as the user wishes.
os.environ.setdefault("SIGHTLINE_HUB_OFFLINE", os.environ.get("HF_HUB_OFFLINE", "0"))
os.environ.update(HF_HUB_OFFLINE="1")

try:
    check_config(
        config,
        load_schema(f"{workflow.basedir}/workflow/schemas/config.schema.yaml"),
        [os.path.relpath(file) for file in workflow.configfiles],
    )
except ConfigError as error:
    raise WorkflowError(str(error)) from None


# Commands that write trace sets read it there: as a parameter, another place would have everything measured again.
os.environ.update(SIGHTLINE_CACHES=config.get("caches", ""))


def as_json(value):
    """Settings as the text of a file. Rules print it: with ``run:`` each of them would start Snakemake anew."""
    return json.dumps(value, indent=1, sort_keys=True)


def results(path):
    """A file of this run."""
    return f"results/{config['run']}/{path}"


def logs(path):
    """The log of a job."""
    return results(f"logs/{path}.log")


def benchmarks(path):
    """Time and memory of a job."""
    return results(f"benchmarks/{path}.tsv")


def shared(path):
    """A published file that all runs share."""
    return f"results/{path}"


def bundled(path):
    """A file named in the configuration: below the working directory, else beside the Snakefile."""
    return (
        path if Path(path).exists() else os.path.relpath(f"{workflow.basedir}/{path}")
    )


def code(module):
    """A parameter that changes with the code behind ``python -m <module>``."""
    return lambda wildcards: code_digest(module)


def library_file(path):
    """A table that the library brings along."""
    return os.path.relpath(f"{LIBRARY}/sightline/{path}")


def dataset_root(name):
    """Folder of a data set."""
    entry = config["datasets"][name]
    roots = {
        "world": results(f"data/{name}"),
        "download": shared(f"data/{name}"),
        "mirror": shared(f"data/{name}"),
    }
    return roots.get(entry["source"]) or bundled(entry["path"])


def coco_files(split):
    """Annotations of a split and, unless the images are the user's own, the list of its images."""
    root = dataset_root("coco")
    files = [f"{root}/annotations/instances_{split}.json"]
    source = config["datasets"]["coco"]["source"]
    if source == "local":
        return files
    if source == "download" and coco_way(split).kind == SINGLE:
        return [*files, results(f"data/fetched/{split}.csv")]
    return [*files, f"{root}/{split}.csv"]


def coco_way(split):
    """How the images of a split of COCO come, if they are fetched: all of them, or those that this run looks at."""
    archive = find_file(bundled("resources/datasets.csv"), f"{split}.zip")
    forced = config.get("downloads", {}).get("images", "auto")
    return choose_way(image_counts().get(split, 0), archive, forced)


@cache
def image_counts():
    """How many images of each split this run needs at most. Once: where POPE is local, its questions are read."""
    return count_images(config)


def coco_ways():
    """The reckoning for every split of COCO that this run fetches."""
    fetched = config["datasets"]["coco"]["source"] == "download"
    return [coco_way(split).why for split in image_counts()] if fetched else []


def fetched_by_hand():
    """Argument that names the folder of files fetched by hand, if there is one."""
    folder = config.get("downloads", {}).get("data_dir")
    return f"--data-dir {folder}" if folder else ""


def dataset_label(name):
    """How the scorecard names a data set."""
    labels = {
        "world": "embedded world",
        "download": "COCO 2017",
        "local": "COCO (local folder)",
    }
    return labels[config["datasets"][name]["source"]]


def model_settings(model):
    """What a model's settings file says: its entry, with the folder its files are in."""
    entry, name = whole_entry(config, model), origin(config, model)
    folder = checkpoint_folder(name)
    if name in config.get("conversions", {}):
        layout = config["conversions"][name]["layout"]
        folder = shared(f"converted/{name}/{CONVERTED_FOLDERS[layout]}")
    return entry | {"key": model, "path": folder, "device": config["device"]}


def model_identity(model):
    """What results depend on in a model's settings: neither batch size nor device nor the number of GPUs."""
    settings = model_settings(model)
    return {
        key: settings[key]
        for key in sorted(settings)
        if key not in ("batch_size", "device", "gpus")
    }


def model_files(wildcards):
    """Files of the model that a job is about."""
    return files_of_model(wildcards.model)


def files_of_model(model):
    """Files of a model: the report of its conversion, the list of what was fetched, or those of a folder."""
    name = origin(config, model)
    if name in config.get("conversions", {}):
        return shared(f"converted/{name}/conversion.json")
    return checkpoint_files(name)


def checkpoint(name):
    """Entry of a model, of a part or of an encoder."""
    kinds = (config["models"], config.get("parts", {}), config.get("encoders", {}))
    return next(kind[name] for kind in kinds if name in kind)


def tiny_checkpoints():
    """Random checkpoints that this run writes: name -> kind."""
    kinds = (config["models"], config.get("parts", {}), config.get("encoders", {}))
    return {
        name: entry["path"].removeprefix("tiny:")
        for kind in kinds
        for name, entry in kind.items()
        if entry.get("path", "").startswith("tiny:")
    }


def trained_here(name):
    """Report of the training of an encoder that this run trains first, or nothing."""
    found = re.fullmatch("trained:(.+)", checkpoint(name).get("path", ""))
    return results(f"training/encoders/{found[1]}/recipe.json") if found else None


def arrives(name):
    """Where a checkpoint goes that a job fetches or writes, without suffix; nothing for one that is there.

    What is fetched belongs to all runs. Random weights never lie there, where another run has a fetched checkpoint of
    that name as links into the user's own cache.
    """
    if name in tiny_checkpoints():
        return results(f"tiny/{name}")
    return shared(f"models/{name}") if "revision" in checkpoint(name) else None


def checkpoint_folder(name):
    """Where the files of a model or of a part are, in the layout they come in."""
    if arriving := arrives(name):
        return arriving
    if trained := trained_here(name):
        return str(Path(trained).parent)
    return bundled(checkpoint(name)["path"])


def checkpoint_files(name):
    """The same files: the list of what was fetched or written, or those of a folder."""
    if arriving := arrives(name):
        return f"{arriving}.json"
    if trained := trained_here(name):
        return trained
    folder = Path(checkpoint_folder(name))
    # What a tokenizer is made of may lie in other files than JSON.
    kinds = ("*.json", "*.txt", "*.model")
    found = [
        *weight_files(folder),
        *(file for kind in kinds for file in folder.glob(kind)),
    ]
    return sorted(map(str, found)) or f"{folder}/config.json"


def conversion(wildcards):
    """How a model's checkpoint is taken apart."""
    return config["conversions"][wildcards.model]


def conversions(layout):
    """Models whose checkpoint is in a layout, as a pattern of their names."""
    entries = config.get("conversions", {})
    return one_of(name for name, entry in entries.items() if entry["layout"] == layout)


def one_of(names):
    """A pattern that matches these names, and nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def pickled_checkpoints():
    """Checkpoints whose weights may come as pickles: those in LISA's layout, their towers, encoders that say so."""
    entries = {
        name: entry
        for name, entry in config.get("conversions", {}).items()
        if entry["layout"] == "lisa"
    }
    encoders = config.get("encoders", {})
    said = {name for name, entry in encoders.items() if entry.get("pickled")}
    return {*entries, *(entry["tower"] for entry in entries.values()), *said}


def segmenter_folder(model):
    """The segmenter of a model, beside its VLM."""
    return str(Path(model_settings(model)["path"]).with_name("segmenter"))


def demo_folder(model):
    """Folder of a demo model: its VLM with segmenter, recipe and learning curves beside it."""
    return str(Path(bundled(whole_entry(config, model)["path"])).parent)


def demo_files(wildcards):
    """Weights of a demo model, VLM and segmenter."""
    return demo_weights(wildcards.model)


def demo_weights(model):
    """The same, by the model's name."""
    folder = demo_folder(model)
    return sorted(map(str, Path(folder).glob("*/*.safetensors"))) or [
        f"{folder}/llava/model.safetensors"
    ]


# What a demo VLM is grown from; the first one grows from nothing.
DEMO_VLMS = {"llava-8": None, "llava-12": "llava-8"}


def trained_start(wildcards):
    """The recipe of the model that a demo VLM is grown from, or nothing."""
    start = DEMO_VLMS[wildcards.recipe]
    return results(f"training/{start}/recipe.json") if start else []


def demo_curves(wildcards):
    """Learning curves of a demo model."""
    folder = Path(demo_folder(wildcards.model)) / "curves"
    return sorted(map(str, folder.glob("*.jsonl"))) or f"{folder}/vision.jsonl"


def examined_encoders():
    """Encoders of the demo that are examined."""
    return config.get("quality", {}).get("encoders", [])


def encoder_curves():
    """Learning curves of those encoders."""
    return [
        f"{checkpoint_folder(encoder)}/curve.jsonl" for encoder in examined_encoders()
    ]


def quality_targets():
    """What is said about the demo models, if they are examined."""
    models = config.get("quality", {}).get("models", [])
    pages = [
        results(f"models/{model}/{name}.png")
        for model in models
        for name in ("contact_sheet", "learning_curves")
    ]
    if examined_encoders():
        pages.append(results("models/encoders_learning_curves.png"))
    return [results("models/quality.csv"), *pages] if pages else []


def study(name):
    """A study's settings."""
    return config["studies"].get(name, {})


def settings_part(name, *keys):
    """File with some settings of a study and the seed.

    Jobs take the study's whole protocol as ancient and this beside it, so that a change of one part
    does not repeat what another has measured.
    """
    return results(f"settings/{name}/{'+'.join(keys)}.json")


def study_targets(name=None):
    """What the configured studies, or one of them, promise."""
    # Looked up when called: the studies' own files come later.
    promised = {
        "neo2025": lambda: neo2025_targets(),
        "kaduri2025": lambda: kaduri2025_targets(),
        "khajuria2025": lambda: khajuria2025_targets(),
        "qian2025": lambda: qian2025_targets(),
    }
    return [
        file
        for key in config["studies"]
        if name in (None, key)
        for file in promised[key]()
    ]


def wanted_settings():
    """Settings of the studies that look at images of COCO, with the seed."""
    neo = neo2025_protocol() | {"reference": study("neo2025").get("reference")}
    neo |= {"lens": lens_protocol()}
    kaduri, pope = kaduri2025_protocol(), kaduri2025_pope_folder()
    given = {"neo2025": neo, "kaduri2025": kaduri | ({"pope": pope} if pope else {})}
    given |= {
        "khajuria2025": khajuria2025_settings("pairs", "global_probe", "variants")
    }
    return {name: given[name] for name in given if study(name)}


def deciding_settings():
    """Those among them that decide which images are looked at; of the others none sends for a new list."""
    deciding = {
        "neo2025": ("ablation_set", "vqa_set", "reference", "lens"),
        "kaduri2025": ("images", "pope"),
        "khajuria2025": ("pairs", "global_probe", "variants"),
    }
    of_lens = ("split", "max_annotations", "area", "images", "scenes")
    given = wanted_settings()
    if "neo2025" in given:
        lens = given["neo2025"]["lens"]
        given["neo2025"] |= {"lens": {key: lens.get(key) for key in of_lens}}
    return {
        name: {key: given[name].get(key) for key in (*deciding[name], "seed")}
        for name in given
    }


def wanted_questions():
    """Questions that decide about images: those that the authors wrote, and POPE's."""
    authors = neo2025_protocol().get("vqa_set", {}).get("file")
    folder = kaduri2025_pope_folder()
    pope = sorted(map(str, Path(folder).glob("*.json"))) if folder else []
    return [*([authors] if authors else []), *pope]
