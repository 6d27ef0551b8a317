"""Look-ups of qian2025; no rule."""


def qian2025_targets():
    """Items of qian2025 with the claims that rest on them."""
    return [
        *qian2025_items(),
        *(results(f"qian2025/{name}.csv") for name in ("claims", "items")),
    ]


def qian2025_items():
    """Figures and tables of qian2025 that this run can give."""
    figures = ["fig1", "fig2", "fig3", "figB", "layers"]
    # Words and false premises come from the referring expressions.
    if study("qian2025").get("refer"):
        figures.append("demo")
    return [
        *(results(f"qian2025/{name}.png") for name in figures),
        *(results(f"qian2025/{name}.tex") for name in QIAN2025_TABLES),
        results("qian2025/explorer.html"),
    ]


SEGMENTER_VARIANTS = (
    "seg",
    "points",
    "points-dtoc",
    "points-dtoc-cells",
    "points-another",
    "points-truth",
    "points-neutral",
    "decoder-small",
    "decoder-large",
)

QIAN2025_TABLES = {
    "tab1": "Table 1",
    "tab2": "Table 2",
    "tab3": "Table 3",
    "tab4": "Table 4",
    "tab5": "Table 5",
    "tab6": "Table 6",
    "tab7": "Table 7",
    "tab_ablations": "Rules for points",
}


def qian2025_pages():
    """Similarity of [SEG] for looking around in, one page per model."""
    return [results(f"qian2025/explorer/{model}.html") for model in qian2025_models()]


def qian2025_claims():
    """Scorecard rows of the models of qian2025."""
    return [results(f"qian2025/claims/{model}.csv") for model in qian2025_models()]


def qian2025_folder(model):
    """What was measured of one model."""
    return results(f"qian2025/measurements/{model}")


def qian2025_measured(name):
    """One measurement of every model."""
    return [f"{qian2025_folder(model)}/{name}" for model in qian2025_models()]


def qian2025_heard(name, model=None):
    """One measurement on referring expressions of a model, or of every one; nothing where there are none."""
    if not study("qian2025").get("refer"):
        return []
    models = qian2025_models() if model is None else [model]
    return [results(f"qian2025/expressions/{one}/{name}") for one in models]


def qian2025_noun_encoder():
    """Encoder whose maps of nouns are compared with those of [SEG], or nothing."""
    return study("qian2025").get("noun_encoder")


def qian2025_noun_encoder_files():
    """Its settings and weights."""
    name = qian2025_noun_encoder()
    if not name:
        return {}
    return {
        "encoder": results(f"settings/encoders/{name}.json"),
        "encoder_weights": checkpoint_files(origin(config, name)),
    }


def qian2025_named(model=None):
    """Comparisons with nouns of a model, or of every one; nothing where no encoder is named."""
    if not qian2025_noun_encoder():
        return []
    models = qian2025_models() if model is None else [model]
    return [f"{qian2025_folder(one)}/nouns.parquet" for one in models]


def qian2025_refer_root():
    """Folder of the referring expressions."""
    return dataset_root("refer") if study("qian2025").get("refer") else ""


def qian2025_variants(model=None):
    """Masks of trained variants, of a model or of the one they start from; nothing where none are named."""
    variants = study("qian2025").get("variants", {})
    if not variants or model not in (None, variants["model"]):
        return []
    return [results("qian2025/variants.parquet")]


def varied_model():
    """The VLM whose states the trained variants were taught with, if there are any."""
    return study("qian2025").get("variants", {}).get("model", "none")


def variant_files():
    """Trained variants that are there."""
    variants = study("qian2025").get("variants", {})
    folder = Path(bundled(variants["folder"])) if variants else Path()
    return sorted(map(str, folder.glob("*/variant.*"))) if variants else []


def qian2025_protocol():
    """What qian2025 fixes in advance, and nothing that would change when a model is added."""
    settings = {k: v for k, v in study("qian2025").items() if k != "models"}
    return settings | {"seed": config["seed"]}


def qian2025_models():
    """Models of the study; the first stands for the paper's own in figures."""
    return study("qian2025").get("models", [])


def qian2025_first_model():
    """The model whose claims are judged."""
    return next(iter(qian2025_models()), "none")


def reasonseg_files(split):
    """Queries of a split of ReasonSeg: the list of its files, or the files of a folder of the user's."""
    root = dataset_root("reasonseg")
    if config["datasets"]["reasonseg"]["source"] != "local":
        return [f"{root}/{split}.csv"]
    found = sorted(map(str, Path(root, split).glob("*.json")))
    return found or [f"{root}/{split}/<image>.json"]


def qian2025_queries():
    """Files of all splits of ReasonSeg that are evaluated."""
    splits = study("qian2025").get("queries", {})
    return [file for split in splits for file in reasonseg_files(split)]


def qian2025_expressions():
    """Files of all data sets of referring expressions that are evaluated."""
    sets = study("qian2025").get("refer", {})
    root = dataset_root("refer") if sets else ""
    return [
        f"{root}/{name}/{file}"
        for name, entry in sets.items()
        for file in ("instances.json", f"refs({entry['by']}).p")
    ]


def segmenter_files(wildcards):
    """Files of a model's segmenter: the report of the conversion, or those of a folder."""
    name = origin(config, wildcards.model)
    if name in config.get("conversions", {}):
        return shared(f"converted/{name}/conversion.json")
    folder = Path(segmenter_folder(wildcards.model))
    found = [*folder.glob("*.json"), *folder.glob("*.safetensors")]
    return sorted(map(str, found)) or f"{folder}/config.json"


def original_sam_folder():
    """Folder of the unmodified SAM."""
    return checkpoint_folder(study("qian2025")["sam"])


def original_sam_files():
    """Files of the unmodified SAM, if the study is run."""
    return checkpoint_files(study("qian2025")["sam"]) if study("qian2025") else []


def reasonseg_label():
    """How the scorecard names the queries."""
    labels = {
        "world": "embedded world, ReasonSeg layout",
        "mirror": "ReasonSeg (copy without ignored regions)",
        "local": "ReasonSeg (local folder)",
    }
    return labels.get(config["datasets"].get("reasonseg", {}).get("source"), "none")


def lengths_assumed():
    """Option of the judgement where the queries do not say which are long: the hub's copy leaves the mark out."""
    source = config["datasets"].get("reasonseg", {}).get("source")
    return "--lengths-assumed" if source == "mirror" else ""
