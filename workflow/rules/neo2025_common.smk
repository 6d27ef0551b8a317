"""Look-ups of neo2025; no rule."""


def neo2025_targets():
    """Items of neo2025 with the measurements and claims behind them."""
    models = study("neo2025")["models"]
    measured = [
        results(f"neo2025/measurements/{kind}/{model}.parquet")
        for kind in ("ablation", "knockout")
        for model in models
    ]
    names = ("mean_tokens.csv", "tab1.csv", "tab1_bars.pdf", "extra1.pdf")
    lists = ("claims.csv", "items.csv")
    knockout = ("tab2.csv", "knockout_curve.pdf", "object_size.pdf")
    return [
        *measured,
        *(results(f"neo2025/{name}") for name in (*names, *knockout, *lists)),
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
        results("neo2025/extra4.html"),
    ]


def lens_protocol():
    """What the lens part of neo2025 fixes in advance."""
    settings = study("neo2025")
    # What a page shows changes no measurement.
    lens = {k: v for k, v in settings.get("lens", {}).items() if k != "page"}
    return lens | {
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


def lens_pages():
    """Interactive lens, one page per model."""
    models = study("neo2025").get("models", [])
    return [results(f"neo2025/extra4/{model}.html") for model in models]


def lens_page_settings():
    """Which images the interactive lens shows."""
    return {"images": 12, "chosen": []} | study("neo2025").get("lens", {}).get(
        "page", {}
    )


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


def neo2025_measured():
    """File with the settings that measurements depend on: how often an interval is resampled is none of them."""
    left_out = ("models", "reference", "lens", "bootstrap")
    return settings_part(
        "neo2025", *(key for key in study("neo2025") if key not in left_out)
    )


def neo2025_split():
    """Split that neo2025 takes its images from."""
    return study("neo2025").get("ablation_set", {}).get("split", "train2017")


def mean_token(wildcards):
    """Mean token of a model: averaged here, or the authors'."""
    kind = {"images": "computed", "authors": "published"}[
        study("neo2025")["reference"]["source"]
    ]
    return results(f"neo2025/mean_token/{kind}/{wildcards.model}.safetensors")


def mean_tokens():
    """Every mean token that the configuration speaks of."""
    reference = study("neo2025").get("reference", {})
    kinds = {"computed": "images" in reference, "published": "vectors" in reference}
    return [
        results(f"neo2025/mean_token/{kind}/{model}.safetensors")
        for model in study("neo2025").get("models", [])
        for kind, given in kinds.items()
        if given and (kind == "computed" or model in reference["vectors"])
    ]


def published_vector(wildcards):
    """File of the mean token that the authors published for a model."""
    file = study("neo2025")["reference"]["vectors"][wildcards.model]
    return file if Path(file).exists() else shared(f"data/neo2025/{file}")
