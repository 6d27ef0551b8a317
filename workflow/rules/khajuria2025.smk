"""Khajuria et al. 2025: what the parts of the study share."""


include: "khajuria2025_common.smk"


localrules:
    khajuria2025,


rule khajuria2025:
    """How structured the tokens of vision encoders are (arXiv 2406.09067)."""
    input:
        study_targets("khajuria2025"),


include: "khajuria2025_features.smk"
include: "khajuria2025_probes.smk"
include: "khajuria2025_decoding_items.smk"
include: "khajuria2025_items.smk"
include: "khajuria2025_explorer.smk"
