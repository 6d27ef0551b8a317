"""Kaduri et al. 2025: what the parts of the study share, and what they found together."""


include: "kaduri2025_common.smk"


localrules:
    kaduri2025,
    draw_images,
    list_kaduri2025_items,
    write_kaduri2025_protocol,


rule write_kaduri2025_protocol:
    """Settings of the study as a file: jobs depend on its content."""
    output:
        results("settings/kaduri2025.json"),
    log:
        logs("settings/kaduri2025"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(kaduri2025_protocol()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule draw_images:
    """The images that are described, drawn at random from a split."""
    input:
        dataset=coco_files(kaduri2025_split()),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "images"),
    output:
        results("kaduri2025/images.parquet"),
    log:
        logs("kaduri2025/images"),
    conda:
        "../../envs/core.yaml"
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        code=code("sightline.studies.kaduri2025.images"),
    shell:
        "python -m sightline.studies.kaduri2025.images --dataset {params.root}"
        " --split {params.split} --protocol {input.protocol} --out {output} 2> {log}"


rule judge_kaduri2025_claims:
    """The study's rows of the scorecard, gathered from its parts."""
    input:
        kaduri2025_claims(),
    output:
        results("kaduri2025/claims.csv"),
    log:
        logs("kaduri2025/claims"),
    conda:
        "../../envs/core.yaml"
    params:
        model=kaduri2025_first_model(),
        dataset=dataset_label("coco"),
        code=code("sightline.studies.kaduri2025.claims"),
    shell:
        "python -m sightline.studies.kaduri2025.claims --parts {input} --model {params.model}"
        " --dataset-name {params.dataset:q} --out {output} 2> {log}"


rule list_kaduri2025_items:
    """Every figure and table of the study: produced on this run, or why not."""
    input:
        # The list asks whether items exist, not what is in them: rebuilding one leaves it alone.
        [ancient(file) for file in kaduri2025_items()],
        listed=library_file("studies/kaduri2025/items.csv"),
    output:
        results("kaduri2025/items.csv"),
    log:
        logs("kaduri2025/items"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(output[0], parent=True),
        code=code("sightline.report.items"),
    shell:
        "python -m sightline.report.items --study kaduri2025 --folder {params.folder}"
        " --out {output} 2> {log}"


rule kaduri2025:
    """How image information travels through a model (arXiv 2411.17491)."""
    input:
        study_targets("kaduri2025"),


include: "kaduri2025_knockout.smk"
include: "kaduri2025_attention.smk"
include: "kaduri2025_attention_items.smk"
include: "kaduri2025_explorer.smk"
include: "kaduri2025_judge.smk"
include: "kaduri2025_reprompt.smk"
