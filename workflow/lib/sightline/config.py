"""Check a configuration against its schema, and say what to write instead.

    python -m sightline.config --schema workflow/schemas/config.schema.yaml --out config/README.md

writes the reference of all keys, which the schema is the only source of.
"""

import argparse
import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from sightline.errors import SightlineError
from sightline.unfit_settings import unfit

REFERENCE = "config/README.md"
_NO_BLANK = r"^\S+$"
Mapped = Mapping[str, Any]

_INTRODUCTION = """# Configuration

`snakemake --cores all` runs `demo.yaml`; with `--configfile config/paper.yaml` it runs the
published setting *instead*. For a run of your own, copy one of the two, give it another `run` and
name the copy with `--configfile`; several files are laid over each other from left to right. A
single value can be changed on the command line: `--config seed=1`.

This page is made from the schema:
`python -m sightline.config --schema workflow/schemas/config.schema.yaml --out config/README.md`.
`<name>` stands for a name of your choice. Keys in *italics* may be left out.

| key | meaning | for example |
|---|---|---|
"""


class ConfigError(SightlineError):
    """The configuration has an unknown or missing key, or a value that makes no sense."""


def load_schema(path: Path | str) -> dict[str, Any]:
    """The schema, references resolved in place."""
    schema = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return _resolve(schema, schema.get("$defs", {}))


def check_config(config: Mapped, schema: Mapped, files: Sequence[str]) -> None:
    """Refuse what the workflow would not understand.

    Args:
        config: the merged configuration.
        schema: what `load_schema` gives.
        files: where it was read, for the message.

    Raises:
        ConfigError: one line per fault: key, what is wrong, a valid value.
    """
    faults = list(unfit(config))
    if not faults:
        errors = Draft202012Validator(schema).iter_errors(dict(config))
        errors = sorted(errors, key=lambda error: error.json_path)
        faults = [line for error in errors for line in _explain(error, schema)]
    # Names can only be followed in a configuration of the right shape.
    faults = faults or list(_broken_references(config))
    if faults:
        lines = "\n".join(f"  {fault}" for fault in dict.fromkeys(faults))
        where = " + ".join(files) or "the configuration"
        raise ConfigError(f"{where}:\n{lines}\n  All keys are explained in {REFERENCE}.")


def reference(schema: Mapped) -> str:
    """The page about all keys, as Markdown."""
    rows = []
    for key, entry, required in _keys(schema):
        name = f"`{key}`" if required else f"*`{key}`*"
        choices = " or ".join(f"`{choice}`" for choice in entry.get("enum", ()))
        meaning = entry["description"] + (f" One of {choices}." if choices else "")
        example = f"`{_spell(entry['examples'][0])}`" if "examples" in entry else ""
        rows.append(f"| {name} | {meaning} | {example} |\n")
    return _INTRODUCTION + "".join(rows)


def _keys(schema: Mapped, prefix: str = "") -> Iterator[tuple[str, Mapping, bool]]:
    """Dotted key, its part of the schema, and whether it must be given; outer keys first."""
    needed = schema.get("required", ())
    named = [(name, entry, name in needed) for name, entry in schema.get("properties", {}).items()]
    for name, entry, required in named + [
        ("<name>", entry, True) for entry in schema.get("patternProperties", {}).values()
    ]:
        yield f"{prefix}{name}", entry, required
        yield from _keys(entry, f"{prefix}{name}.")


def _explain(error: ValidationError, schema: Mapped) -> Iterator[str]:
    here = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        for name in error.instance:
            if not _knows(error.schema, name):
                yield _explain_unknown(here, name, error.schema)
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                example = _example(error.schema["properties"][name])
                yield f"{_join(here, name)} is missing; add for example {_setting(name, example)}."
    else:
        names = [part for part in error.absolute_path if isinstance(part, str)]
        entry = _find(schema, names)
        advice = (
            f"; a valid value: {_setting(names[-1], _example(entry))}" if names and entry else ""
        )
        yield f"{here or 'the whole'}: {_fault(error)}{advice}."


def _explain_unknown(here: str, name: str, entry: Mapped) -> str:
    known = list(entry.get("properties", {}))
    if not known:
        pattern = ", ".join(entry.get("patternProperties", {}))
        return f"{_join(here, name)}: a name here must match {pattern}."
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    best = near[0] if near else known[0]
    hint = f"did you mean {best}?" if near else f"known here: {', '.join(known)}."
    example = _setting(best, _example(entry["properties"][best]))
    return f"{_join(here, name)} is not a key; {hint} A valid value: {example}"


def _fault(error: ValidationError) -> str:
    value = _spell(error.instance)
    match error.validator:
        case "enum":
            return f"{value} is none of {', '.join(map(str, error.validator_value))}"
        case "type":
            article = "an" if error.validator_value[0] in "aio" else "a"
            return f"{value} is not {article} {error.validator_value}"
        case "minimum" | "maximum":
            bound = {"minimum": "smaller", "maximum": "larger"}[error.validator]
            return f"{value} is {bound} than {error.validator_value}"
        case "pattern" if error.validator_value == _NO_BLANK:
            return (
                f"{value} has a blank in it, where commands would part it; give it a name without one, such as that "
                "of a link to it (ln -s)"
            )
        case "pattern":
            return f"{value} does not match {error.validator_value}"
        case "not":
            return f"{value} is taken by a folder of the workflow"
    return error.message


def _broken_references(config: Mapped) -> Iterator[str]:
    """Keys that need each other, and names that lead nowhere."""
    coco = config["datasets"]["coco"]
    needed = {"local": {"path": "/data/coco"}, "world": {"images": {"train2017": 1200}}}
    yield from _missing("datasets.coco", coco, needed.get(coco["source"], {}))
    for name in ("mme", "pope"):
        if entry := config["datasets"].get(name):
            wanted = {"local": {"path": f"/data/{name}"}, "world": {"images": 60}}
            yield from _missing(f"datasets.{name}", entry, wanted[entry["source"]])
    splits = set(coco.get("images", ())) if coco["source"] == "world" else {"train2017", "val2017"}
    for name, study in config["studies"].items():
        for model in study.get("models", ()):
            if model not in config["models"]:
                known = ", ".join(config["models"])
                yield f"studies.{name}.models: {model} is not described under models; known: {known}."
        for part in ("ablation_set", "reference", "lens", "images"):
            split = study.get(part, {}).get("split")
            if split is not None and split not in splits and coco["source"] != "local":
                yield (
                    f"studies.{name}.{part}.split: {split} is not among the splits of datasets.coco; "
                    f"known: {', '.join(sorted(splits))}."
                )
        for model in study.get("middle", {}).get("layers", {}):
            if model not in config["models"]:
                known = ", ".join(config["models"])
                yield f"studies.{name}.middle.layers: no model {model}; known: {known}."
    yield from _broken_models(config)
    if "neo2025" in config["studies"]:
        yield from _broken_reference_images(config["studies"]["neo2025"])
    if "qian2025" in config["studies"]:
        yield from _broken_queries(config)
    yield from _broken_encoders(config)
    for encoder in config.get("quality", {}).get("encoders", []):
        if "path" not in config.get("encoders", {}).get(encoder, {}):
            yield f"quality.encoders: {encoder} has no folder of its own under encoders."
    if "khajuria2025" in config["studies"]:
        yield from _broken_probing(config, splits)
    yield from _broken_conversions(config)


def _broken_models(config: Mapped) -> Iterator[str]:
    """Models without a checkpoint, or that take over from one that is not there."""
    models = config["models"]
    for name, entry in models.items():
        if ("path" in entry) == ("of" in entry):
            yield f"models.{name}: give either path, with family and prompt, or of."
        elif "of" in entry and "path" not in models.get(entry["of"], {}):
            known = ", ".join(other for other, one in models.items() if "path" in one) or "none"
            yield f"models.{name}.of: no model {entry['of']} with a path of its own; known: {known}."
        elif "of" in entry:
            for key in ("revision", "family"):
                if key in entry:
                    yield f"models.{name}.{key}: the checkpoint is that of {entry['of']}; leave it out."
        else:
            for key, example in (("family", "llava"), ("prompt", "llava-1.5")):
                if key not in entry:
                    yield f"models.{name}.{key} is missing; add for example {key}: {example}."


def _broken_reference_images(study: Mapped) -> Iterator[str]:
    """What neo2025 needs for the mean token, depending on where it comes from."""
    reference = study["reference"]
    vectors = {name: "vector.pt" for name in study["models"]}
    needed = {"images": {"split": "train2017", "images": 300}, "authors": {"vectors": vectors}}
    yield from _missing("studies.neo2025.reference", reference, needed[reference["source"]])
    if reference["source"] == "authors":
        lacking = set(study["models"]) - set(reference.get("vectors", study["models"]))
        for name in sorted(lacking):
            yield (
                f"studies.neo2025.reference.vectors: no vector for {name}; name its file, or use "
                "source: images."
            )


def _broken_queries(config: Mapped) -> Iterator[str]:
    """What qian2025 needs: images with queries, every split it asks for, and a SAM."""
    study, datasets = config["studies"]["qian2025"], config["datasets"]
    needed = {
        "reasonseg": {
            "world": {"images": {"val": 200}},
            "mirror": {"mirrors": {"val": "Ricky06662/ReasonSeg_val"}},
            "local": {"path": "/data/reason_seg/ReasonSeg"},
        },
        "refer": {"world": {"images": 400}, "local": {"path": "/data/refer_seg"}},
    }
    for name, sources in needed.items():
        if name in datasets:
            entry = datasets[name]
            yield from _missing(f"datasets.{name}", entry, sources[entry["source"]])
        elif name == "reasonseg" or "refer" in study:
            yield f"datasets.{name} is missing; studies.qian2025 needs it: {name}: {{source: world}}."
    reasonseg = datasets.get("reasonseg", {})
    known = reasonseg.get("images", reasonseg.get("mirrors", {}))
    for split in study["queries"]:
        if reasonseg.get("source") in ("world", "mirror") and split not in known:
            yield (
                f"studies.qian2025.queries: {split} is not among the splits of datasets.reasonseg; "
                f"known: {', '.join(known)}."
            )
    if study["sam"] not in config.get("parts", {}):
        known = ", ".join(config.get("parts", {})) or "none"
        yield f"studies.qian2025.sam: {study['sam']} is not described under parts; known: {known}."
    encoders = config.get("encoders", {})
    if study.get("noun_encoder") not in (None, *encoders):
        known = ", ".join(encoders) or "none"
        yield (
            f"studies.qian2025.noun_encoder: {study['noun_encoder']} is not described under encoders; "
            f"known: {known}."
        )


def _broken_encoders(config: Mapped) -> Iterator[str]:
    """Encoders without a checkpoint, or that take over from one that is not there."""
    encoders = config.get("encoders", {})
    for name, entry in encoders.items():
        if ("path" in entry) == ("of" in entry):
            yield f"encoders.{name}: give either path, with family, or of."
        elif "path" in entry and "family" not in entry:
            yield f"encoders.{name}.family is missing; add for example family: clip."
        elif "of" in entry and "path" not in encoders.get(entry["of"], {}):
            known = ", ".join(other for other, one in encoders.items() if "path" in one) or "none"
            yield f"encoders.{name}.of: no encoder {entry['of']} with a path of its own; known: {known}."


def _broken_probing(config: Mapped, splits: set[str]) -> Iterator[str]:
    """What khajuria2025 needs: encoders, and splits that are there."""
    study, coco = config["studies"]["khajuria2025"], config["datasets"]["coco"]
    encoders = config.get("encoders", {})
    for key, names in (
        ("encoders", study["encoders"]),
        ("published_grids", study.get("published_grids", {})),
    ):
        for name in names:
            if name not in encoders:
                known = ", ".join(encoders) or "none"
                yield (
                    f"studies.khajuria2025.{key}: {name} is not described under encoders; known: {known}."
                )
    probe = study["global_probe"]
    asked = {
        "pairs": study["pairs"]["split"],
        "global_probe.train": probe["train"]["split"],
        "global_probe.test": probe["test"]["split"],
    }
    drawn = {"probing"} if coco["source"] == "world" else set()
    for key, split in asked.items():
        known = splits | (drawn if key == "pairs" else set())
        if split not in known and coco["source"] != "local":
            yield (
                f"studies.khajuria2025.{key}.split: {split} is not among the splits of datasets.coco; "
                f"known: {', '.join(sorted(known))}."
            )
    if asked["pairs"] in drawn and "images_per_pair" not in study["pairs"]:
        yield "studies.khajuria2025.pairs.images_per_pair is missing; probing needs it: images_per_pair: 60."


def _broken_conversions(config: Mapped) -> Iterator[str]:
    """Conversions of models, or with towers, that are described nowhere."""
    for name, entry in config.get("conversions", {}).items():
        if name not in config["models"]:
            yield f"conversions.{name}: no model of that name under models."
        if entry["layout"] != "lisa":
            continue
        if "tower" not in entry:
            yield f"conversions.{name}.tower is missing; layout lisa needs it: tower: clip-vit-large-336."
        elif entry["tower"] not in config.get("parts", {}):
            known = ", ".join(config.get("parts", {})) or "none"
            yield f"conversions.{name}.tower: {entry['tower']} is not described under parts; known: {known}."


def _missing(here: str, entry: Mapped, needed: Mapped) -> Iterator[str]:
    for key, example in needed.items():
        if key not in entry:
            setting = _setting(key, example)
            yield f"{here}.{key} is missing; source {entry['source']} needs it: {setting}."


def _resolve(node: Any, definitions: Mapped) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _resolve(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _resolve(value, definitions) for key, value in node.items() if key != "$defs"}
    return [_resolve(item, definitions) for item in node] if isinstance(node, list) else node


def _find(schema: Mapped, names: Sequence[str]) -> Mapped | None:
    """The part of the schema that governs a key; for an item of a list, that of the list."""
    for part in names:
        inner = schema.get("properties", {}).get(part)
        schema = inner or next(iter(schema.get("patternProperties", {}).values()), None)
        if schema is None:
            return None
    return schema


def _knows(entry: Mapped, name: str) -> bool:

    patterns = entry.get("patternProperties", {})
    return name in entry.get("properties", {}) or any(re.search(p, str(name)) for p in patterns)


def _example(entry: Mapped) -> Any:
    """The example of a key, or for a mapping one made of the examples of its keys."""
    if "examples" in entry:
        return entry["examples"][0]
    inner = dict(entry.get("properties", {}))
    if patterns := entry.get("patternProperties"):
        inner["my-model"] = next(iter(patterns.values()))
    needed = entry.get("required", inner)
    return {name: _example(part) for name, part in inner.items() if name in needed}


def _join(here: str, name: str) -> str:
    return f"{here}.{name}" if here else str(name)


def _setting(name: str, value: Any) -> str:
    return f"{name}: {_spell(value)}"


def _spell(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_spell(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_spell, value)) + "]"
    if isinstance(value, str) and "," not in value and _reads_as_itself(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _reads_as_itself(text: str) -> bool:
    try:
        return yaml.safe_load(text) == text
    except yaml.YAMLError:
        return False


def main(options: argparse.Namespace) -> None:
    """Write the reference."""
    options.out.write_text(reference(load_schema(options.schema)), encoding="utf-8")


if __name__ == "__main__":
    from sightline.cli import run

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schema", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    run(main, parser)
