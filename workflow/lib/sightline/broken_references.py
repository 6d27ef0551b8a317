"""What a schema cannot say: settings that name each other, and those that one choice makes necessary."""

from collections.abc import Iterator, Mapping
from typing import Any

from sightline.spelling import setting

Mapped = Mapping[str, Any]

_NAMES = {
    "quality.models": "models",
    "studies.qian2025.variants.model": "models",
    "studies.qian2025.points.models": "models",
    "studies.qian2025.points.taught": "models",
    "studies.qian2025.noun_encoder": "encoders",
    "studies.qian2025.sam": "parts",
    "studies.khajuria2025.encoders": "encoders",
    "studies.khajuria2025.published_grids": "encoders",
    "studies.khajuria2025.equal_grids": "encoders",
    "studies.khajuria2025.stand_ins": "encoders",
    "studies.khajuria2025.probes.mlp_encoders": "encoders",
    "studies.khajuria2025.probes.defect_encoders": "encoders",
}
"""Key with a name, a list of names or settings by name -> where what it names is described."""

_JUDGES = {
    "endpoint": {"url": "https://api.openai.com/v1", "model": "gpt-4o-2024-08-06"},
    "local": {"path": "/models/judge"},
    "recorded": {"model": "gpt-4o-2024-08-06"},
}
"""What a kind of judge needs."""


def broken_references(config: Mapped) -> Iterator[str]:
    """Keys that need each other, and names that lead nowhere."""
    yield from _unknown_names(config)
    yield from _ambiguous_names(config)
    judge = config["studies"].get("kaduri2025", {}).get("judge", {})
    for key, example in _JUDGES.get(judge.get("kind"), {}).items():
        if key not in judge:
            yield (
                f"studies.kaduri2025.judge.{key} is missing; kind {judge['kind']} needs it: {setting(key, example)}."
            )
    yield from _turned_round(config["studies"])
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


def _unknown_names(config: Mapped) -> Iterator[str]:
    for key, kind in _NAMES.items():
        found: Any = config
        for part in key.split("."):
            found = found.get(part, {})
        for name in [found] if isinstance(found, str) else found or ():
            if name not in config.get(kind, {}):
                known = ", ".join(config.get(kind, {})) or "none"
                yield f"{key}: {name} is not described under {kind}; known: {known}."


def _ambiguous_names(config: Mapped) -> Iterator[str]:
    """Models, parts and encoders lie in one folder and are looked up by name."""
    seen: dict[str, str] = {}
    for kind in ("models", "parts", "encoders"):
        for name in config.get(kind, {}):
            if seen.setdefault(name, kind) != kind:
                yield f"{kind}.{name}: the name is taken under {seen[name]}; choose another."


def _turned_round(studies: Mapped) -> Iterator[str]:
    """Ranges whose upper end comes first."""
    neo, middle = studies.get("neo2025", {}), studies.get("kaduri2025", {}).get("middle", {})
    ranges = {
        "neo2025.ablation_set.area": neo.get("ablation_set", {}).get("area"),
        "neo2025.lens.area": neo.get("lens", {}).get("area"),
        "kaduri2025.middle": [middle[end] for end in ("first", "last") if end in middle],
    }
    for key, ends in ranges.items():
        if ends and ends[0] > ends[-1]:
            yield f"studies.{key}: from {ends[0]} to {ends[-1]} there is nothing; turn them round."


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
        if ("images" in reference) != ("split" in reference):
            yield (
                "studies.neo2025.reference: split and images go together; give both, for example split: train2017 "
                "and images: 300, or neither."
            )
        lacking = set(study["models"]) - set(reference.get("vectors", study["models"]))
        for name in sorted(lacking):
            yield (
                f"studies.neo2025.reference.vectors: no vector for {name}; name its file, or use "
                "source: images."
            )


def _broken_queries(config: Mapped) -> Iterator[str]:
    """What qian2025 needs: images with queries, and every split it asks for."""
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
        elif "of" in entry and "revision" in entry:
            yield f"encoders.{name}.revision: the checkpoint is that of {entry['of']}; leave it out."


def _broken_probing(config: Mapped, splits: set[str]) -> Iterator[str]:
    """What khajuria2025 needs: splits that are there."""
    study, coco = config["studies"]["khajuria2025"], config["datasets"]["coco"]
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
            needs = f"source {entry['source']} needs it: {setting(key, example)}"
            yield f"{here}.{key} is missing; {needs}."
