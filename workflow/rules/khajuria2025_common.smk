"""Look-ups of khajuria2025; no rule."""


include: "khajuria2025_probes_common.smk"


def khajuria2025_targets():
    """Items of khajuria2025 with the features and claims behind them."""
    return [
        *khajuria2025_features(),
        *khajuria2025_items(),
        *(
            results(f"khajuria2025/{name}.csv")
            for name in ("aux_tasks", "claims", "items")
        ),
    ]


def khajuria2025_items():
    """Figures and tables of khajuria2025 that this run can give."""
    return [*khajuria2025_probe_items(), results("khajuria2025/explorer.html")]


def khajuria2025_first_image(wildcards):
    """Tables of the first encoder's page, whose first image the diagram shows."""
    encoder = khajuria2025_encoders()[0]
    return [
        results(f"khajuria2025/explorer_tables/{encoder}/{table}.parquet")
        for table in ("images", "layers", "members")
    ]


def khajuria2025_page_images():
    """How many images the pages of object tokens show."""
    return study("khajuria2025").get("page", {}).get("images", 12)


def khajuria2025_protocol():
    """What features depend on, and nothing that would change when an encoder or a probe is added."""
    return khajuria2025_settings(
        "pairs",
        "global_probe",
        "variants",
        "defects",
        "published_grids",
        "equal_grids",
    )


def khajuria2025_settings(*names):
    """Some settings of the study, with the run's seed."""
    settings = study("khajuria2025")
    given = {name: settings[name] for name in names if name in settings}
    return given | {"seed": config["seed"]}


def khajuria2025_encoders():
    """Encoders of the study, in the order of its figures."""
    return study("khajuria2025").get("encoders", [])


def khajuria2025_splits():
    """Splits that the study takes images from."""
    settings = study("khajuria2025")
    if not settings:
        return []
    probe = settings["global_probe"]
    names = [
        settings["pairs"]["split"],
        probe["train"]["split"],
        probe["test"]["split"],
    ]
    return list(dict.fromkeys(names))


def khajuria2025_data():
    """Annotations of those splits, and the lists of their images."""
    return [file for split in khajuria2025_splits() for file in coco_files(split)]


def khajuria2025_captions():
    """Captions of those splits."""
    root = dataset_root("coco")
    return [
        f"{root}/annotations/captions_{split}.json" for split in khajuria2025_splits()
    ]


def khajuria2025_features():
    """What says that the features of an encoder are whole, for all of them."""
    return [
        results(f"khajuria2025/features/{encoder}/cls/spec.json")
        for encoder in khajuria2025_encoders()
    ]


def khajuria2025_own_captions():
    """Captions that encoders with a text decoder gave themselves."""
    return [
        results(f"khajuria2025/captions/{encoder}.parquet")
        for encoder in khajuria2025_encoders()
        if whole_entry(config, encoder)["family"] == "blip"
        and whole_entry(config, encoder).get("weights", "trained") == "trained"
    ]


def encoder_settings(name):
    """What features depend on in an encoder's entry: neither batch size nor device nor what it was trained for.

    Those two are given to jobs as resources, which are no reason to read an image again.
    """
    left_out = ("batch_size", "objective", "pickled")
    entry = {k: v for k, v in whole_entry(config, name).items() if k not in left_out}
    return entry | {"key": name, "path": checkpoint_folder(origin(config, name))}


def encoder_identity(wildcards):
    """The same as a parameter."""
    return encoder_settings(wildcards.encoder)


def encoder_batch(wildcards):
    """Images at a time."""
    return whole_entry(config, wildcards.encoder).get("batch_size", 32)


def encoder_files(wildcards):
    """Files of an encoder's checkpoint."""
    return checkpoint_files(origin(config, wildcards.encoder))
