"""Qian et al. 2025 (READ): what the parts of the study share, and what they found together."""


include: "qian2025_common.smk"
include: "qian2025_measure.smk"
include: "qian2025_items.smk"
include: "qian2025_explorer.smk"


localrules:
    list_qian2025_items,
    qian2025,
    train_qian2025_variants,
    write_qian2025_protocol,


rule qian2025:
    """What a [SEG] token has learnt, and its similarity map as clicks (arXiv 2412.17741)."""
    input:
        study_targets("qian2025"),


rule write_qian2025_protocol:
    """Settings of the study as a file: jobs depend on its content."""
    output:
        results("settings/qian2025.json"),
    log:
        logs("settings/qian2025"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(qian2025_protocol()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule judge_qian2025_claims:
    """The study's rows of the scorecard, gathered from its parts."""
    input:
        parts=qian2025_claims(),
    output:
        results("qian2025/claims.csv"),
    log:
        logs("qian2025/claims"),
    conda:
        "../../envs/core.yaml"
    params:
        model=qian2025_first_model(),
        dataset=reasonseg_label(),
        code=code("sightline.studies.qian2025.claims"),
    shell:
        "python -m sightline.studies.qian2025.claims --parts {input.parts} --model {params.model}"
        " --dataset-name {params.dataset:q} --out {output} 2> {log}"


rule list_qian2025_items:
    """Every figure and table of the study: produced on this run, or why not."""
    input:
        # The list asks whether items exist, not what is in them: rebuilding one leaves it alone.
        [ancient(file) for file in qian2025_items()],
        listed=library_file("studies/qian2025/items.csv"),
    output:
        results("qian2025/items.csv"),
    log:
        logs("qian2025/items"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(output[0], parent=True),
        code=code("sightline.report.items"),
    shell:
        "python -m sightline.report.items --study qian2025 --folder {params.folder}"
        " --out {output} 2> {log}"
