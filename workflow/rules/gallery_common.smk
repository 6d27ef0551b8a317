"""Look-ups of the gallery; no rule."""

import csv
import shlex

# Which studies read a data set.
DATA_READERS = {
    "coco": ("neo2025", "kaduri2025", "khajuria2025"),
    "mme": ("kaduri2025",),
    "pope": ("kaduri2025",),
    "reasonseg": ("qian2025",),
    "refer": ("qian2025",),
}


def readers(names):
    """Those of some studies that this run has."""
    return [name for name in config["studies"] if name in names]


def run_data():
    """Data sets of the configured studies: source, folder, and which studies read them."""
    return {
        name: {
            "source": entry["source"],
            "root": dataset_root(name),
            "studies": readers(DATA_READERS.get(name, ())),
        }
        for name, entry in config["datasets"].items()
        if readers(DATA_READERS.get(name, ()))
    }


def checkpoint_users():
    """Name of each model, part and encoder -> studies that use it."""
    users = {}
    for key, settings in config["studies"].items():
        named = [*settings.get("models", []), *settings.get("encoders", [])]
        if "sam" in settings:
            named.append(settings["sam"])
        for name in named:
            # A control that takes over another encoder's checkpoint is that checkpoint.
            origin = checkpoint(name).get("of", name)
            users.setdefault(origin, []).append(key)
    return {
        name: list(dict.fromkeys(keys))
        for name, keys in users.items()
        if "path" in checkpoint(name)
    }


def run_checkpoints():
    """Checkpoints of the configured studies: where they are, and which studies use them."""
    found = {}
    for name, users in checkpoint_users().items():
        entry = {
            "path": checkpoint(name)["path"],
            "folder": checkpoint_folder(name),
            "studies": users,
        }
        if "revision" in checkpoint(name):
            entry["revision"] = checkpoint(name)["revision"]
            entry["manifest"] = shared(f"models/{name}.json")
        found[name] = entry
        if "qian2025" in users and name in config["models"] and "revision" not in entry:
            found[f"{name}, segmenter"] = entry | {
                "folder": segmenter_folder(name),
                "studies": ["qian2025"],
            }
    return found


def run_options():
    """What a command must repeat to mean this run: configuration files and single values."""
    settings = workflow.config_settings
    files = [os.path.relpath(file) for file in settings.configfiles or ()]
    values = [f"{key}={value}" for key, value in (settings.config or {}).items()]
    words = (["--configfile", *files] if files else []) + (
        ["--config", *values] if values else []
    )
    return shlex.join(words)


def run_settings():
    """What a run was asked for, as plain data."""
    return {
        "run": config["run"],
        "config": config,
        "options": run_options(),
        "checkpoints": run_checkpoints(),
        "data": run_data(),
    }


def item_lists():
    """What studies promise and what their papers printed: tables that the library brings along."""
    return [
        library_file(f"studies/{name}/{table}.csv")
        for name in config["studies"]
        for table in ("items", "published")
    ]


def items_without_rule():
    """Target -> files of items that come out of another item's rule or of one for several."""
    known = {rule.name for rule in workflow.rules}
    found = {}
    for name in config["studies"]:
        # Read as plain rows: every start of Snakemake passes here, and pandas alone would take half a second.
        with open(f"{LIBRARY}/sightline/studies/{name}/items.csv", newline="") as lines:
            for row in csv.DictReader(lines):
                files = [
                    part if "." in part else f"{row['item']}.{part}"
                    for part in row["outputs"].split(";")
                ]
                found[f"{name}_{row['item']}"] = [
                    results(f"{name}/{file}") for file in files
                ]
    return {target: files for target, files in found.items() if target not in known}
