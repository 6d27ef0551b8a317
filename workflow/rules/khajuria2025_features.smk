"""Khajuria et al. 2025: objects of images, and what the blocks of vision encoders make of their tokens."""


localrules:
    list_khajuria2025_items,
    write_encoder_settings,
    write_khajuria2025_pairs,
    write_khajuria2025_protocol,


# The probing split is drawn by its tasks, all others by their size.
ruleorder: generate_probing > generate_world


rule write_khajuria2025_protocol:
    """Settings that features depend on, as a file: jobs depend on its content."""
    output:
        results("settings/khajuria2025.json"),
    log:
        logs("settings/khajuria2025"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(khajuria2025_protocol()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule write_khajuria2025_pairs:
    """Tasks and counts alone: another variant of the features draws no image again."""
    output:
        results("settings/khajuria2025_pairs.json"),
    log:
        logs("settings/khajuria2025_pairs"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(khajuria2025_settings("pairs")),
    shell:
        "printf %s {params.settings:q} > {output}"


rule write_encoder_settings:
    """An encoder's entry in the configuration, as a file: jobs depend on its content."""
    output:
        results("settings/encoders/{encoder}.json"),
    log:
        logs("settings/encoders/{encoder}"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(encoder_settings(wildcards.encoder)),
    shell:
        "printf %s {params.settings:q} > {output}"


rule generate_probing:
    """Draw the split for probing pairs of objects: labels independent, roles swapped in a part of it."""
    input:
        protocol=results("settings/khajuria2025_pairs.json"),
    output:
        instances=results("data/coco/annotations/instances_probing.json"),
        captions=results("data/coco/annotations/captions_probing.json"),
        manifest=results("data/coco/probing.csv"),
    log:
        logs("data/generate_probing"),
    benchmark:
        benchmarks("data/generate_probing")
    conda:
        "../../envs/torch.yaml"
    threads: half_of_the_cores
    params:
        seed=config["datasets"]["coco"].get("seed", 0),
        root=subpath(output.manifest, parent=True),
        code=code("sightline.demo.write_probing"),
    shell:
        "python -m sightline.demo.write_probing --protocol {input.protocol} --seed {params.seed}"
        " --processes {threads} --out {params.root} 2> {log}"


rule select_pairs:
    """Images with one primary and one secondary object of a task, objects of the global probe, and their captions."""
    input:
        dataset=khajuria2025_data(),
        captions=khajuria2025_captions(),
        protocol=results("settings/khajuria2025.json"),
    output:
        samples=results("khajuria2025/samples.parquet"),
        composition=results("khajuria2025/pairs.csv"),
        reasons=results("khajuria2025/selection.csv"),
    log:
        logs("khajuria2025/samples"),
    benchmark:
        benchmarks("khajuria2025/samples")
    conda:
        "../../envs/core.yaml"
    params:
        root=lambda wildcards: dataset_root("coco"),
        code=code("sightline.studies.khajuria2025.samples"),
    shell:
        "python -m sightline.studies.khajuria2025.samples --dataset {params.root}"
        " --protocol {input.protocol} --out {output.samples} --composition {output.composition}"
        " --reasons {output.reasons} 2> {log}"


rule extract_features:
    """Read every image once with an encoder and pool the tokens of its objects, in all layers and variants."""
    input:
        encoder=results("settings/encoders/{encoder}.json"),
        weights=encoder_files,
        protocol=results("settings/khajuria2025.json"),
        samples=results("khajuria2025/samples.parquet"),
        dataset=khajuria2025_data(),
    output:
        sharded_traces("khajuria2025/features/{encoder}", "cls/spec.json"),
    log:
        logs(by_shard("khajuria2025/features/{encoder}")),
    benchmark:
        benchmarks(by_shard("khajuria2025/features/{encoder}"))
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        root=lambda wildcards: dataset_root("coco"),
        folder=subpath(output[0], ancestor=2),
        shard=shard_option,
        code=code("sightline.studies.khajuria2025.extract"),
    shell:
        "python -m sightline.studies.khajuria2025.extract --encoder {input.encoder}"
        " --dataset {params.root} --protocol {input.protocol} --samples {input.samples}"
        " --batch-size {resources.batch_size} --device {resources.device} --threads {threads}"
        " {params.shard} --out {params.folder} 2> {log}"


rule caption_images:
    """Captions that an encoder's own decoder gives to the images with pairs (khajuria2025, v3 Figure 4)."""
    input:
        encoder=results("settings/encoders/{encoder}.json"),
        weights=encoder_files,
        samples=results("khajuria2025/samples.parquet"),
        dataset=khajuria2025_data(),
    output:
        results("khajuria2025/captions/{encoder}.parquet"),
    log:
        logs("khajuria2025/captions/{encoder}"),
    benchmark:
        benchmarks("khajuria2025/captions/{encoder}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        root=lambda wildcards: dataset_root("coco"),
        code=code("sightline.studies.khajuria2025.own_captions"),
    shell:
        "python -m sightline.studies.khajuria2025.own_captions --encoder {input.encoder}"
        " --dataset {params.root} --samples {input.samples} --batch-size {resources.batch_size}"
        " --device {resources.device} --out {output} 2> {log}"


rule khajuria2025_aux_tasks:
    """Composition of the tasks, found beside published."""
    input:
        composition=rules.select_pairs.output.composition,
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        csv=report(
            results("khajuria2025/aux_tasks.csv"),
            caption="../report/khajuria2025_aux_tasks.rst",
            category="khajuria2025",
            labels={"item": "Composition of the tasks"},
        ),
        md=results("khajuria2025/aux_tasks.md"),
        tex=results("khajuria2025/aux_tasks.tex"),
    log:
        logs("khajuria2025/aux_tasks"),
    conda:
        "../../envs/core.yaml"
    params:
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.khajuria2025.aux_tasks"),
    shell:
        "python -m sightline.studies.khajuria2025.aux_tasks --composition {input.composition}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_fig1:
    """Figure 1: from the tokens of two objects of an image to labels, and where other rules place those tokens."""
    input:
        page=khajuria2025_first_image,
        samples=rules.select_pairs.output.samples,
        protocol=results("settings/khajuria2025.json"),
    output:
        pdf=results("khajuria2025/fig1.pdf"),
        png=report(
            results("khajuria2025/fig1.png"),
            caption="../report/khajuria2025_fig1.rst",
            category="khajuria2025",
            labels={"item": "Figure 1"},
        ),
        csv=results("khajuria2025/fig1.csv"),
    log:
        logs("khajuria2025/fig1"),
    conda:
        "../../envs/plot.yaml"
    params:
        tables=subpath(input[0], parent=True),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.diagram"),
    shell:
        "python -m sightline.studies.khajuria2025.diagram --tables {params.tables}"
        " --samples {input.samples} --protocol {input.protocol} --out {params.stem} 2> {log}"


rule list_khajuria2025_items:
    """Every figure and table of the study: produced on this run, or why not."""
    input:
        # The list asks whether items exist, not what is in them: rebuilding one leaves it alone.
        ancient(rules.khajuria2025_aux_tasks.output.tex),
        ancient(rules.khajuria2025_fig1.output.png),
        [ancient(file) for file in khajuria2025_items()],
        listed=library_file("studies/khajuria2025/items.csv"),
    output:
        results("khajuria2025/items.csv"),
    log:
        logs("khajuria2025/items"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(output[0], parent=True),
        code=code("sightline.report.items"),
    shell:
        "python -m sightline.report.items --study khajuria2025 --folder {params.folder}"
        " --out {output} 2> {log}"
