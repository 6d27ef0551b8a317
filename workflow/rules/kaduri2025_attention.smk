"""Kaduri et al. 2025: read what generated tokens attend to, and hide what they attend to least."""

ATTENTION_TABLES = ("descriptions", "fractions", "maps", "objects", "peaks")
ATTENTION_EFFECTS = (
    "fractions",
    "spread",
    "overlaps",
    "tail",
    "localisation",
    "visible",
    "contrasts",
)


rule read_attention:
    """Describe every image and keep what the attention of the generated tokens shows (kaduri2025, Figs. 1, 4, 6, 7)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(kaduri2025_split()),
        protocol=ancient(results("settings/kaduri2025.json")),
        images=rules.draw_images.output,
        identity=results("settings/identities/{model}.json"),
        part=settings_part("kaduri2025", "question", "max_new_tokens", "middle"),
    output:
        [
            sharded(f"kaduri2025/measurements/attention/{{model}}/{table}.parquet")
            for table in ATTENTION_TABLES
        ],
    log:
        logs(by_shard("kaduri2025/read_attention/{model}")),
    benchmark:
        benchmarks(by_shard("kaduri2025/read_attention/{model}"))
    conda:
        "../../envs/torch.yaml"
    # Generating one token at a time gains nothing from a second core.
    threads: 1
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        out=subpath(output[0], parent=True),
        shard=shard_option,
        code=code("sightline.studies.kaduri2025.attention.read"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.read --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --split {params.split} --images {input.images}"
        " --protocol {input.protocol} {params.shard} --out {params.out} 2> {log}"


rule hide_tokens:
    """Describe every image while generated tokens see a share of the image tokens (kaduri2025, Fig. 5)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(kaduri2025_split()),
        protocol=ancient(results("settings/kaduri2025.json")),
        images=rules.draw_images.output,
        attention=lambda wildcards: kaduri2025_attention_tables(wildcards.model),
        identity=results("settings/identities/{model}.json"),
        part=settings_part(
            "kaduri2025",
            "question",
            "max_new_tokens",
            "middle",
            "top_shares",
            "random_draws",
        ),
    output:
        sharded("kaduri2025/hidden_tokens/{model}.parquet"),
    log:
        logs(by_shard("kaduri2025/hide_tokens/{model}")),
    benchmark:
        benchmarks(by_shard("kaduri2025/hide_tokens/{model}"))
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        attention=lambda wildcards: kaduri2025_attention_folder(wildcards.model),
        shard=shard_option,
        code=code("sightline.studies.kaduri2025.attention.sweep"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.sweep --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --split {params.split} --images {input.images}"
        " --attention {params.attention} --protocol {input.protocol} {params.shard}"
        " --out {output} 2> {log}"


rule judge_hidden_tokens:
    """Hold every description with tokens hidden against the unmodified one."""
    input:
        descriptions=results("kaduri2025/hidden_tokens/{model}.parquet"),
        dataset=coco_files(kaduri2025_split()),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "judge"),
    output:
        results("kaduri2025/measurements/hidden_tokens/{model}.parquet"),
    log:
        logs("kaduri2025/judge_hidden_tokens/{model}"),
    conda:
        "../../envs/torch.yaml"
    resources:
        **judge_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        # A language model's answers outlive the job: a second run repeats them without asking.
        record=lambda wildcards: results(
            f"kaduri2025/answers/hidden_tokens_{wildcards.model}.jsonl"
        ),
        code=code("sightline.studies.kaduri2025.attention.judge"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.judge"
        " --descriptions {input.descriptions} --dataset {params.root} --split {params.split}"
        " --protocol {input.protocol} --record {params.record} --out {output} 2> {log}"


rule summarise_attention:
    """Curves with intervals, and the single numbers that the attention claims rest on."""
    input:
        attention=expand(
            results("kaduri2025/measurements/attention/{model}/{table}.parquet"),
            model=study("kaduri2025").get("models", []),
            table=ATTENTION_TABLES,
        ),
        hidden=expand(
            results("kaduri2025/measurements/hidden_tokens/{model}.parquet"),
            model=study("kaduri2025").get("models", []),
        ),
        knockout=expand(
            results("kaduri2025/measurements/knockout/{model}.parquet"),
            model=study("kaduri2025").get("models", []),
        ),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "middle", "top_shares", "bootstrap"),
    output:
        expand(results("kaduri2025/attention/{table}.csv"), table=ATTENTION_EFFECTS),
    log:
        logs("kaduri2025/summarise_attention"),
    conda:
        "../../envs/core.yaml"
    params:
        folders=kaduri2025_attention_folders(),
        out=subpath(output[0], parent=True),
        code=code("sightline.studies.kaduri2025.attention.effects"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.effects --attention {params.folders}"
        " --hidden {input.hidden} --knockout {input.knockout} --protocol {input.protocol}"
        " --out {params.out} 2> {log}"


rule judge_kaduri2025_attention:
    """Scorecard rows of the claims that rest on attention."""
    input:
        effects=results("kaduri2025/attention/contrasts.csv"),
        published=library_file("studies/kaduri2025/published.csv"),
    output:
        results("kaduri2025/claims/attention.csv"),
    log:
        logs("kaduri2025/claims_attention"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(input.effects, parent=True),
        models=study("kaduri2025").get("models", []),
        dataset=dataset_label("coco"),
        code=code("sightline.studies.kaduri2025.attention.claims"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.claims --effects {params.folder}"
        " --models {params.models} --dataset-name {params.dataset:q} --out {output} 2> {log}"
