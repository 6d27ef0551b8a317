"""Paths and look-ups that rules share; no rule."""

import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from sightline.config import ConfigError, check_config, load_schema
from sightline.sources import LIBRARY, code_digest

# Jobs use the interpreter that runs Snakemake, or that of their conda environment, and this library.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    PYTHONPATH=f"{LIBRARY}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
)

# Threads that wait for each other by spinning bring a job to a crawl as soon as anything else runs beside it: 400
# small matrix products took 13 s beside one busy core, and 0.8 s with sleeping threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

try:
    check_config(
        config,
        load_schema(f"{workflow.basedir}/workflow/schemas/config.schema.yaml"),
        [os.path.relpath(file) for file in workflow.configfiles],
    )
except ConfigError as error:
    raise WorkflowError(str(error)) from None


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


def gpus():
    """GPUs that a job which runs a model asks for."""
    return 0 if config["device"] == "cpu" else 1


def dataset_root(name):
    """Folder of a data set."""
    entry = config["datasets"][name]
    roots = {"world": results(f"data/{name}"), "download": shared(f"data/{name}")}
    return roots.get(entry["source"]) or bundled(entry["path"])


def coco_files(split):
    """Annotations of a split and, unless the images are the user's own, the list of its images."""
    root = dataset_root("coco")
    files = [f"{root}/annotations/instances_{split}.json"]
    own = config["datasets"]["coco"]["source"] == "local"
    return files if own else [*files, f"{root}/{split}.csv"]


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
    entry = config["models"][model]
    folder = (
        shared(f"models/{model}") if "revision" in entry else bundled(entry["path"])
    )
    return entry | {"key": model, "path": folder, "device": config["device"]}


def model_identity(wildcards):
    """What results depend on in a model's settings: neither batch size nor device.

    Rules take the settings file as ancient and this as a parameter, so that a smaller batch on a
    smaller GPU does not repeat what is measured already.
    """
    settings = model_settings(wildcards.model)
    return {
        key: settings[key]
        for key in sorted(settings)
        if key not in ("batch_size", "device")
    }


def model_files(wildcards):
    """Files of a model: the list of what was fetched, or those of a folder."""
    entry = config["models"][wildcards.model]
    if "revision" in entry:
        return shared(f"models/{wildcards.model}.json")
    folder = Path(bundled(entry["path"]))
    found = [*folder.glob("*.json"), *folder.glob("*.safetensors")]
    return sorted(map(str, found)) or f"{folder}/config.json"


def quality_models():
    """Files of the demo models that are examined, if any are."""
    if "quality" not in config:
        return []
    folder = Path(bundled(config["quality"]["models"]))
    found = sorted(map(str, folder.glob("*/*.safetensors")))
    return found or f"{folder}/llava/model.safetensors"


def quality_curves():
    """Learning curves of the demo models, if these are examined."""
    if "quality" not in config:
        return []
    folder = Path(bundled(config["quality"]["models"])) / "curves"
    return sorted(map(str, folder.glob("*.jsonl"))) or f"{folder}/vision.jsonl"


def study(name):
    """A study's settings."""
    return config["studies"].get(name, {})


def study_targets(name=None):
    """What the configured studies, or one of them, promise."""
    promised = {"neo2025": neo2025_targets}
    return [
        file
        for key in config["studies"]
        if name in (None, key)
        for file in promised[key]()
    ]


def neo2025_targets():
    """Items of neo2025 with the measurements and claims behind them."""
    models = study("neo2025")["models"]
    measured = [
        results(f"neo2025/measurements/{kind}/{model}.parquet")
        for kind in ("ablation", "knockout")
        for model in models
    ]
    names = ("tab1.csv", "tab1_bars.pdf", "extra1.pdf", "claims.csv", "items.csv")
    knockout = ("tab2.csv", "knockout_curve.pdf", "object_size.pdf")
    return [
        *measured,
        *(results(f"neo2025/{name}") for name in (*names, *knockout)),
        *neo2025_second_model(),
        *neo2025_lens_items(),
    ]


def neo2025_second_model():
    """The table of the second model, if there is one."""
    several = len(study("neo2025").get("models", [])) > 1
    return [results("neo2025/extra2.tex")] if several else []


def other_architecture():
    """Key of the first model that is no LLaVA, or nothing."""
    keys = study("neo2025").get("models", [])
    return next((k for k in keys if config["models"][k]["family"] != "llava"), "")


def neo2025_lens_items():
    """Both diagrams and what rests on the lens."""
    figures = ("fig1", "fig2", "fig3", "extra3", "extra5", "lens_curves")
    numbers = ("num1", "num2") if other_architecture() else ("num1",)
    return [
        *(results(f"neo2025/{name}.png") for name in figures),
        *(results(f"neo2025/{name}.tex") for name in numbers),
    ]


def lens_protocol():
    """What the lens part of neo2025 fixes in advance."""
    settings = study("neo2025")
    return settings.get("lens", {}) | {
        "seed": config["seed"],
        "bootstrap": settings.get("bootstrap", 0),
    }


def lens_split():
    """Split that the lens takes its images from."""
    return study("neo2025").get("lens", {}).get("split", "val2017")


def lens_folders():
    """Lens measurements, one folder per model."""
    models = study("neo2025").get("models", [])
    return [results(f"neo2025/measurements/lens/{model}") for model in models]


def first_model():
    """The model that stands for the paper's first."""
    return next(iter(study("neo2025").get("models", [])), "none")


def lens_table(name):
    """A lens measurement of the first model."""
    return results(f"neo2025/measurements/lens/{first_model()}/{name}.parquet")


def lens_pictures():
    """Images as the first model saw them."""
    return results(f"neo2025/lens/{first_model()}/pictures.parquet")


def neo2025_protocol():
    """What neo2025 fixes in advance, and nothing that would change when a model is added."""
    settings = {
        k: v
        for k, v in study("neo2025").items()
        if k not in ("models", "reference", "lens")
    }
    if settings and settings["vqa_set"]["source"] == "authors":
        file = settings["vqa_set"].get(
            "file", shared("data/neo2025/clean_questions.json")
        )
        settings["vqa_set"] = settings["vqa_set"] | {"file": file}
    return settings | {"seed": config["seed"]}


def neo2025_split():
    """Split that neo2025 takes its images from."""
    return study("neo2025").get("ablation_set", {}).get("split", "train2017")


def mean_token(wildcards):
    """Mean token of a model: averaged here, or the authors'."""
    kind = {"images": "computed", "authors": "published"}[
        study("neo2025")["reference"]["source"]
    ]
    return results(f"neo2025/mean_token/{kind}/{wildcards.model}.safetensors")


def published_vector(wildcards):
    """File of the mean token that the authors published for a model."""
    file = study("neo2025")["reference"]["vectors"][wildcards.model]
    return file if Path(file).exists() else shared(f"data/neo2025/{file}")
