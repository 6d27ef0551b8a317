"""A wrong configuration is refused with the key at fault and a valid value."""

import copy
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from khajuria2025_scenes import settings as khajuria2025_settings
from sightline.config import ConfigError, check_config, load_schema, reference
from sightline.models.encoders import source
from sightline.models.prompts import TEMPLATES
from sightline.models.registry import DTYPES, FAMILIES, ModelSource
from sightline.studies.kaduri2025.protocol import Protocol as KaduriProtocol
from sightline.studies.khajuria2025.protocol import Protocol as ProbingProtocol
from sightline.studies.neo2025.protocol import Protocol

ROOT = Path(__file__).parents[2]
SCHEMA = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
CONFIGS = {
    name: yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
    for name in ("demo", "paper")
}


def refusal(config: dict) -> str:
    """The message that a configuration earns."""
    with pytest.raises(ConfigError) as caught:
        check_config(config, SCHEMA, ["my.yaml"])
    return str(caught.value)


def changed(path: str, value: object, name: str = "demo") -> dict:
    """A shipped configuration with one value changed; None takes the key away."""
    config = copy.deepcopy(CONFIGS[name])
    *outer, last = path.split("/")
    part = config
    for key in outer:
        part = part[key]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return config


def schema_keys(schema: dict, prefix: str = ""):
    inner = schema.get("properties", {}) | schema.get("patternProperties", {})
    for name, part in inner.items():
        yield f"{prefix}{name}", part
        yield from schema_keys(part, f"{prefix}{name}.")


@pytest.mark.parametrize("name", CONFIGS)
def test_shipped_configurations_are_valid(name):
    check_config(CONFIGS[name], SCHEMA, [name])


def test_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("key", "part"), list(schema_keys(SCHEMA)), ids=lambda value: str(value)[:40]
)
def test_every_key_is_described_and_its_example_is_valid(key, part):
    assert part["description"], key
    if part.get("type") == "object":
        assert part["additionalProperties"] is not True, key
    else:
        (example,) = part["examples"]
        Draft202012Validator(part).validate(example)


def test_reference_is_up_to_date():
    """To renew it, run the command that the page itself names."""
    assert (ROOT / "config" / "README.md").read_text() == reference(SCHEMA)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sed", 3, "sed is not a key; did you mean seed? A valid value: seed: 0"),
        (
            "studies/neo2025/bufers",
            [1],
            "studies.neo2025.bufers is not a key; did you mean buffers? "
            "A valid value: buffers: [0, 1, 2]",
        ),
        ("xyzzy", 1, "xyzzy is not a key; known here: run, seed, device"),
        ("models/demo-llava/revison", "x", "did you mean revision? A valid value: revision: b234b"),
        ("models/Demo Llava", {}, "models.Demo Llava: a name here must match"),
        ("seed", None, "seed is missing; add for example seed: 0"),
        ("seed", "one", "seed: one is not an integer; a valid value: seed: 0"),
        ("run", "data", "run: data is taken by a folder of the workflow"),
        ("run", "My run", "run: My run does not match"),
        (
            "studies/neo2025/buffers",
            [0, -1],
            "buffers.1: -1 is smaller than 0; a valid value:",
        ),
        ("studies/neo2025/reference/source", "noise", "noise is none of images, authors"),
        ("models/demo-llava/batch_size", 0, "batch_size: 0 is smaller than 1"),
        ("studies/neo2025/models", ["other"], "other is not described under models; known: demo-l"),
        ("datasets/coco/images", {"val2017": 3}, "train2017 is not among the splits"),
        ("datasets/coco/images", None, "datasets.coco.images is missing; source world needs it"),
        ("studies/neo2025/reference/images", None, "reference.images is missing"),
        ("studies/neo2025/prompts/polling", "Is it?", r"Is it? does not match \{category\}"),
        ("studies/kaduri2025/models", ["other"], "kaduri2025.models: other is not described under"),
        (
            "studies/kaduri2025/images/split",
            "test",
            "test is not among the splits of datasets.coco",
        ),
        ("studies/kaduri2025/knockout/points", 3, "points: 3 is smaller than 8; a valid value: po"),
        (
            "studies/kaduri2025/middle/layers",
            {"other": [1, 2]},
            "middle.layers: no model other; kn",
        ),
        ("studies/kaduri2025/judge/kind", "oracle", "judge.kind: oracle is none of vocabulary"),
        (
            "studies/kaduri2025/judge/kind",
            "endpoint",
            "judge.url is missing; kind endpoint needs it",
        ),
        (
            "studies/kaduri2025/middle/first",
            0.9,
            "kaduri2025.middle: from 0.9 to 0.5 there is nothing",
        ),
        ("studies/neo2025/lens/area", [9, 5], "neo2025.lens.area: from 9 to 5 there is nothing"),
        ("studies/kaduri2025/mme/gate", float("nan"), "mme.gate: nan is no number to count with"),
        (
            "studies/neo2025/register_deviations",
            float("inf"),
            "register_deviations: inf is no number",
        ),
        ("seed", 1.0, "seed: 1.0 is not an integer"),
        (
            "quality/models",
            ["other"],
            "quality.models: other is not described under models; known: d",
        ),
        (
            "studies/qian2025/variants/model",
            "other",
            "variants.model: other is not described under",
        ),
        (
            "studies/qian2025/points/taught",
            ["other"],
            "points.taught: other is not described under m",
        ),
        (
            "studies/qian2025/noun_encoder",
            "other",
            "noun_encoder: other is not described under enco",
        ),
        (
            "studies/khajuria2025/probes/mlp_encoders",
            ["other"],
            "probes.mlp_encoders: other is not",
        ),
        ("studies/khajuria2025/stand_ins", {"other": "clip"}, "stand_ins: other is not described"),
        ("parts/demo-llava", {"path": "x"}, "parts.demo-llava: the name is taken under models"),
    ],
)
def test_refusal_names_key_and_valid_value(path, value, message):
    text = refusal(changed(path, value))
    assert message in text
    assert text.startswith("my.yaml:")
    assert "config/README.md" in text


@pytest.mark.parametrize(
    "key",
    [
        "start_from/folder", "datasets/coco/path", "datasets/mme/path", "datasets/pope/path",
        "datasets/reasonseg/path", "datasets/reasonseg/mirrors/val", "datasets/refer/path", "downloads/data_dir",
        "parts/demo-sam/path", "models/demo-llava/path", "encoders/classification-s0/path",
        "studies/neo2025/reference/vectors/demo-llava", "studies/neo2025/vqa_set/file",
        "studies/qian2025/variants/folder",
    ],
)  # fmt: skip
def test_paths_with_blanks_are_refused_with_a_way_out(key):
    """Commands take them unquoted."""
    *outer, last = key.split("/")
    config = copy.deepcopy(CONFIGS["demo"])
    part = config
    for name in outer:
        part = part.setdefault(name, {})
    part[last] = "/data/my files"
    message = refusal(config)
    assert f"{key.replace('/', '.')}: /data/my files has a blank in it" in message
    assert "link to it (ln -s)" in message


@pytest.mark.parametrize(
    ("name", "source", "missing"),
    [("mme", "local", "path: /data/mme"), ("pope", "local", "path: /data/pope"), ("pope", "world", "images: 60")],
)  # fmt: skip
def test_questions_need_a_folder_or_a_number(name, source, missing):
    message = refusal(changed(f"datasets/{name}", {"source": source}))
    key = missing.split(":")[0]
    assert f"datasets.{name}.{key} is missing; source {source} needs it: {missing}" in message


def test_every_model_needs_a_published_vector():
    text = refusal(changed("studies/neo2025/reference/vectors", {"llava-1.5-7b": "a.pt"}, "paper"))
    assert "no vector for llava-phi-3-mini" in text


def test_images_beside_the_authors_vector_need_a_split():
    text = refusal(changed("studies/neo2025/reference/split", None, "paper"))
    assert "studies.neo2025.reference: split and images go together" in text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"prompt": "llava-1.5"}, "models.other: give either path, with family and prompt, or of."),
        ({"path": "x", "of": "demo-llava"}, "models.other: give either path"),
        ({"path": "x", "prompt": "llava-1.5"}, "models.other.family is missing; add for example"),
        ({"path": "x", "family": "llava"}, "models.other.prompt is missing; add for example"),
        (
            {"of": "none"},
            "models.other.of: no model none with a path of its own; known: demo-llava",
        ),
        ({"of": "demo-llava", "family": "llava"}, "models.other.family: the checkpoint is that of"),
    ],
)
def test_models_need_a_checkpoint(entry, message):
    assert message in refusal(changed("models/other", entry))


def test_a_model_may_take_over_the_checkpoint_of_another():
    check_config(
        changed("models/other", {"of": "demo-llava", "prompt": "llava-v1"}), SCHEMA, ["my.yaml"]
    )


def with_probing(**encoders: dict) -> dict:
    """The demo's configuration with encoders and the study that probes them."""
    config = copy.deepcopy(CONFIGS["demo"])
    config["encoders"] = {"small": {"path": "small", "family": "clip"}} | encoders
    config["quality"]["encoders"] = ["small"]
    config["studies"]["qian2025"]["noun_encoder"] = "small"
    study = {key: value for key, value in khajuria2025_settings().items() if key != "seed"}
    config["studies"]["khajuria2025"] = study | {"encoders": list(config["encoders"])}
    return config


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"family": "clip"}, "encoders.other: give either path, with family, or of."),
        ({"path": "x"}, "encoders.other.family is missing"),
        (
            {"of": "small", "revision": "main"},
            "encoders.other.revision: the checkpoint is that of small",
        ),
        (
            {"of": "none"},
            "encoders.other.of: no encoder none with a path of its own; known: small.",
        ),
        ({"path": "x", "family": "vgg"}, "vgg is none of clip, vit, dinov2"),
    ],
)
def test_encoders_need_a_checkpoint(entry, message):
    assert message in refusal(with_probing(other=entry))


def test_probing_needs_splits_and_encoders_that_are_there():
    check_config(with_probing(), SCHEMA, ["my.yaml"])
    config = with_probing()
    study = config["studies"]["khajuria2025"]
    study["encoders"] = ["large"]
    study["pairs"]["split"] = "train2014"
    study["global_probe"]["test"]["split"] = "probing"
    text = refusal(config)
    assert (
        "studies.khajuria2025.encoders: large is not described under encoders; known: small" in text
    )
    assert "pairs.split: train2014 is not among the splits of datasets.coco; known: probing" in text
    assert "global_probe.test.split: probing is not among the splits" in text
    config = with_probing()
    del config["studies"]["khajuria2025"]["pairs"]["images_per_pair"]
    assert "pairs.images_per_pair is missing; probing needs it" in refusal(config)


def test_the_encoder_of_nouns_is_described():
    text = refusal(changed("studies/qian2025/noun_encoder", "mine"))
    assert "studies.qian2025.noun_encoder: mine is not described under encoders; known: " in text


def test_encoders_that_are_examined_have_files():
    text = refusal(changed("quality/encoders", ["classification-s0", "pixels", "mine"]))
    assert "quality.encoders: pixels has no folder of its own under encoders." in text
    assert "quality.encoders: mine has no folder" in text
    assert "classification-s0 has" not in text


def test_encoder_choices_agree_with_the_library():
    (entry,) = SCHEMA["properties"]["encoders"]["patternProperties"].values()
    assert entry["properties"]["family"]["enum"] == list(source.FAMILIES)
    assert entry["properties"]["weights"]["enum"] == list(source.WEIGHTS)
    assert entry["properties"]["attention"]["enum"] == list(source.ATTENTION)
    assert entry["properties"]["resize"]["enum"] == list(source.RESIZING)
    assert entry["properties"]["dtype"]["enum"] == list(DTYPES)


def test_all_faults_are_reported_at_once():
    config = changed("sed", 3)
    config["seed"] = -1
    assert len(refusal(config).splitlines()) == 4


@pytest.mark.parametrize("name", CONFIGS)
def test_library_accepts_what_the_schema_accepts(name):
    """The settings files that rules write are what the jobs read."""
    config = CONFIGS[name]
    settings = copy.deepcopy(config["studies"]["neo2025"]) | {"seed": config["seed"]}
    if settings["vqa_set"]["source"] == "authors":
        settings["vqa_set"]["file"] = "clean_questions.json"
    assert Protocol.parse(settings).sizes
    settings = config["studies"]["kaduri2025"] | {"seed": config["seed"]}
    assert KaduriProtocol.parse(settings).points >= 8
    models = config["models"]
    for key, entry in models.items():
        whole = models.get(entry.get("of"), {}) | entry
        kept = {name: value for name, value in whole.items() if name != "of"}
        ModelSource.parse(kept | {"key": key, "device": config["device"]})


@pytest.mark.parametrize("name", CONFIGS)
def test_encoders_and_their_study_are_what_the_library_reads(name):
    config = CONFIGS[name]
    entries = config.get("encoders", {})
    for key, entry in entries.items():
        whole = entries.get(entry.get("of"), {}) | entry
        kept = {k: v for k, v in whole.items() if k not in ("of", "pickled")}
        assert source.EncoderSource.parse(kept | {"key": key}).family
    if "khajuria2025" in config["studies"]:
        study = config["studies"]["khajuria2025"] | {"seed": config["seed"]}
        assert ProbingProtocol.parse(study).tasks


def test_choices_agree_with_the_library():
    (entry,) = SCHEMA["properties"]["models"]["patternProperties"].values()
    assert entry["properties"]["family"]["enum"] == list(FAMILIES)
    assert entry["properties"]["prompt"]["enum"] == list(TEMPLATES)
    assert entry["properties"]["dtype"]["enum"] == list(DTYPES)
