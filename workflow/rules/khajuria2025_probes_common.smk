"""Look-ups of the probes of khajuria2025; no rule."""

# Item -> published encoder whose place one of this run takes.
KHAJURIA2025_DECODED = {
    "fig2a": "blip",
    "figS2": "clip",
    "figS3": "clip-l",
    "figS4": "blip-l",
    "figS5": "flava",
    "figS6": "rn50x4",
    "figS7": "vit",
    "figS8": "dino",
    "figS9": "dinov2",
}


KHAJURIA2025_TITLES = {
    "fig2a": "Decoding from pairs, BLIP's place",
    "figS2": "Supplement, CLIP's place",
    "figS3": "Supplement, place of CLIP large",
    "figS4": "Supplement, place of BLIP large",
    "figS5": "Supplement, FLAVA's place",
    "figS6": "Supplement, place of the ResNet",
    "figS7": "Supplement, ViT's place",
    "figS8": "Supplement, DINO's place",
    "figS9": "Supplement, place of DINOv2",
}


def khajuria2025_probe_settings():
    """What the probes fix in advance, and nothing that would change when an encoder is added."""
    return study("khajuria2025").get("probes", {}) | {"seed": config["seed"]}


def khajuria2025_stand_ins():
    """Published encoder -> the first encoder of this run that stands beside its numbers."""
    named = study("khajuria2025").get("stand_ins", {})
    found = {}
    for encoder in khajuria2025_encoders():
        found.setdefault(named.get(encoder, encoder), encoder)
    return found


def khajuria2025_roster():
    """The encoders of the study, with what they were trained for."""
    named = study("khajuria2025").get("stand_ins", {})
    kept = ("family", "objective", "weights", "attention", "resize")
    return [
        {key: value for key, value in whole_entry(config, name).items() if key in kept}
        | {"key": name, "stands_for": named.get(name, "")}
        for name in khajuria2025_encoders()
    ]


def khajuria2025_decoded():
    """Item -> encoder, of the heatmaps that this run can draw."""
    stand_ins = khajuria2025_stand_ins()
    return {
        item: stand_ins[name]
        for item, name in KHAJURIA2025_DECODED.items()
        if name in stand_ins
    }


def khajuria2025_encoder_of(wildcards):
    """Encoder that an item shows."""
    return khajuria2025_decoded()[wildcards.item]


def khajuria2025_with_mlp():
    """Encoder of the control with a non-linear probe, or nothing."""
    wanted = khajuria2025_probe_settings().get("mlp_encoders", [])
    return next((name for name in khajuria2025_encoders() if name in wanted), "")


def khajuria2025_captioned():
    """Encoder whose decoding is split by captions, or nothing."""
    return khajuria2025_stand_ins().get("blip", "")


def khajuria2025_captions_of(wildcards):
    """Captions of an encoder's own decoder, if it has one."""
    file = results(f"khajuria2025/captions/{wildcards.encoder}.parquet")
    return [file] if file in khajuria2025_own_captions() else []


def khajuria2025_with_words():
    """Whether a trained encoder shares its space with texts."""
    entries = [whole_entry(config, name) for name in khajuria2025_encoders()]
    return any(
        one["family"] == "clip" and one.get("objective", "").startswith("contrastive")
        for one in entries
    )


def khajuria2025_shown(size):
    """Encoders of the similarity maps: the base models or the large ones."""
    names = {
        "base": ("blip", "clip", "flava", "vit", "dino"),
        "large": ("blip-l", "clip-l-224", "clip-l"),
    }
    stand_ins = khajuria2025_stand_ins()
    return [stand_ins[name] for name in names[size] if name in stand_ins][:3]


def khajuria2025_mapped():
    """Encoders that similarity maps are measured of."""
    return list(
        dict.fromkeys([*khajuria2025_shown("base"), *khajuria2025_shown("large")])
    )


def khajuria2025_each(pattern):
    """A file of every encoder."""
    return [
        results(f"khajuria2025/{pattern.format(encoder=encoder)}")
        for encoder in khajuria2025_encoders()
    ]


def khajuria2025_probe_items():
    """Figures and tables that rest on probes."""
    figures = ["fig3", "fig6", "fig6_draft", "aux_pertask", "aux_global", "v2_fig5"]
    figures += [*khajuria2025_decoded(), "defects"]
    figures += ["figS1"] if khajuria2025_with_mlp() else []
    figures += ["fig4"] if khajuria2025_captioned() else []
    figures += ["v2_failure"] if khajuria2025_with_words() else []
    figures += ["similarity_base"] if khajuria2025_shown("base") else []
    figures += ["similarity_large"] if khajuria2025_shown("large") else []
    several = len(khajuria2025_encoders()) > 2
    figures += ["scatter"] if several else []
    tables = ["aux_testsizes"] + (["tab1"] if several else [])
    return [
        *(results(f"khajuria2025/{name}.png") for name in figures),
        *(results(f"khajuria2025/{name}.tex") for name in tables),
    ]
