"""Look-ups of kaduri2025; no rule."""

from sightline.scenes.pope import COCO_SPLITS, coco_ids


def kaduri2025_targets():
    """Items of kaduri2025 with the claims that rest on them."""
    return [
        *kaduri2025_items(),
        *(results(f"kaduri2025/{name}.csv") for name in ("claims", "items")),
    ]


def kaduri2025_items():
    """Figures, tables and texts of all parts of kaduri2025."""
    return [
        *kaduri2025_knockout_items(),
        *kaduri2025_attention_items(),
        *kaduri2025_judging_items(),
    ]


def kaduri2025_knockout_items():
    """What the knockout gives; the second model has the supplement's figures."""
    figures = ["fig2a", "fig2e", "fig2f", "figS3", "page1", "windows", "gist"]
    if len(study("kaduri2025").get("models", [])) > 1:
        figures += ["figS1e", "figS1f"]
    return [results(f"kaduri2025/{name}.png") for name in figures]


def kaduri2025_attention_items():
    """What the attention rows and the top-K sweep give; the second model has the supplement's figure."""
    figures = ["fig1", "fig4", "fig5", "fig6", "fig7", "figS4", "figS5"]
    if len(study("kaduri2025").get("models", [])) > 1:
        figures.append("figS2")
    files = [f"{name}.png" for name in figures]
    return [
        results(f"kaduri2025/{name}") for name in (*files, "textS2.md", "explorer.html")
    ]


def kaduri2025_pages():
    """Attention routes for looking around in, one page per model."""
    models = study("kaduri2025").get("models", [])
    return [results(f"kaduri2025/explorer/{model}.html") for model in models]


def kaduri2025_page_images():
    """How many images such a page shows."""
    return study("kaduri2025").get("page", {}).get("images", 12)


def kaduri2025_attention_folder(model):
    """What was read of one model's attention."""
    return results(f"kaduri2025/measurements/attention/{model}")


def kaduri2025_attention_folders():
    """The same for all models."""
    return list(map(kaduri2025_attention_folder, study("kaduri2025").get("models", [])))


def kaduri2025_attention_tables(model):
    """Files of one model's attention."""
    tables = ("descriptions", "fractions", "maps", "objects", "peaks")
    return [f"{kaduri2025_attention_folder(model)}/{table}.parquet" for table in tables]


def kaduri2025_judging_items():
    """What the judge, the yes/no pairs and the compressed context give."""
    names = ["fig3.png", "page2.png", "tabS2.tex", "textS1.md"]
    if kaduri2025_has_pairs():
        names += ["fig8.png", "tab1.tex", "tabS3.tex"]
        if len(study("kaduri2025").get("models", [])) > 1:
            names.append("tabS1.tex")
    return [results(f"kaduri2025/{name}") for name in names]


def kaduri2025_has_pairs():
    """Whether there are yes/no pairs to ask."""
    return "mme" in config["datasets"] and "mme" in study("kaduri2025")


def kaduri2025_mme_root():
    """Folder of MME, or of what takes its place."""
    return dataset_root("mme") if kaduri2025_has_pairs() else ""


def kaduri2025_question_files():
    """Question files of MME and, where there is one, POPE."""
    if not kaduri2025_has_pairs():
        return []
    files = []
    for name in ("mme", "pope"):
        if name in config["datasets"]:
            root = dataset_root(name)
            if config["datasets"][name]["source"] == "world":
                files.append(f"{root}/{name}.csv")
            else:
                pattern = "eval_tool/*/*.txt" if name == "mme" else "*.json"
                found = sorted(map(str, Path(root).glob(pattern)))
                files += found or [f"{root}/{pattern.split('/')[0]}"]
    return files


def kaduri2025_question_folders():
    """The same as arguments, with the folders of POPE's images."""
    arguments = f"--mme {kaduri2025_mme_root()}" if kaduri2025_has_pairs() else ""
    if "pope" in config["datasets"]:
        root = dataset_root("pope")
        images = [f"{root}/images"]
        if config["datasets"]["pope"]["source"] == "local":
            # POPE asks about COCO 2014, whose pictures COCO 2017 has under other names.
            images += [f"{dataset_root('coco')}/{split}" for split in COCO_SPLITS]
        arguments += f" --pope {root} --images {' '.join(images)}"
    return arguments


def kaduri2025_pope_folder():
    """Folder of a local POPE that is asked, or nothing."""
    local = config["datasets"].get("pope", {}).get("source") == "local"
    return dataset_root("pope") if local and kaduri2025_has_pairs() else None


def kaduri2025_pope_pictures():
    """Lists of the pictures of COCO that a local POPE asks about, where they are fetched."""
    folder = kaduri2025_pope_folder()
    fetched = config["datasets"]["coco"]["source"] == "download"
    if not (folder and fetched and coco_ids(folder)):
        return []
    return [file for split in COCO_SPLITS for file in coco_files(split)]


def kaduri2025_question_label():
    """How the scorecard names the yes/no pairs."""
    source = config["datasets"].get("mme", {}).get("source")
    return {"world": "embedded world, in MME's format", "local": "MME"}.get(
        source, "MME"
    )


def kaduri2025_reprompt_tables():
    """What the claims about compressed contexts rest on, if it is measured."""
    if not kaduri2025_has_pairs():
        return {}
    return {
        name: results(f"kaduri2025/reprompt_{name}.csv")
        for name in ("effects", "comparisons")
    }


def kaduri2025_claims():
    """Scorecard rows of the parts of kaduri2025."""
    parts = ("knockout", "attention", "judge", "reprompt")
    return [results(f"kaduri2025/claims/{part}.csv") for part in parts]


def kaduri2025_protocol():
    """What kaduri2025 fixes in advance, and nothing that would change when a model is added."""
    # What a page shows changes no measurement.
    left_out = ("models", "page")
    settings = {k: v for k, v in study("kaduri2025").items() if k not in left_out}
    return settings | {"seed": config["seed"]}


def kaduri2025_split():
    """Split that kaduri2025 takes its images from."""
    return study("kaduri2025").get("images", {}).get("split", "val2017")


def kaduri2025_first_model():
    """The model that stands for the paper's first."""
    return next(iter(study("kaduri2025").get("models", [])), "none")


def kaduri2025_second_model():
    """The model that stands for that of the paper's supplement."""
    return next(iter(study("kaduri2025").get("models", [])[1:]), "none")
