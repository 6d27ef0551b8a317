"""Khajuria et al. 2025: what probes read from tokens, the measures made of it, their figures and claims."""


localrules:
    write_khajuria2025_probe_settings,
    write_khajuria2025_roster,


rule write_khajuria2025_probe_settings:
    """Settings of the probes as a file: jobs depend on its content."""
    output:
        results("settings/khajuria2025_probes.json"),
    log:
        logs("settings/khajuria2025_probes"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(khajuria2025_probe_settings()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule write_khajuria2025_roster:
    """Encoders of the study with their objectives, as a file."""
    output:
        results("settings/khajuria2025_roster.json"),
    log:
        logs("settings/khajuria2025_roster"),
    conda:
        "../../envs/core.yaml"
    params:
        entries=lambda wildcards: as_json(khajuria2025_roster()),
    shell:
        "printf %s {params.entries:q} > {output}"


rule decode_pairs:
    """Fit every probe of the paired tasks on the features of an encoder (khajuria2025 section 3)."""
    input:
        features=results("khajuria2025/features/{encoder}/cls/spec.json"),
        captions=khajuria2025_captions_of,
        settings=results("settings/khajuria2025_probes.json"),
    output:
        outcomes=results("khajuria2025/measurements/decoding/{encoder}.parquet"),
        images=results("khajuria2025/measurements/decoding_images/{encoder}.parquet"),
    log:
        logs("khajuria2025/decode_pairs/{encoder}"),
    benchmark:
        benchmarks("khajuria2025/decode_pairs/{encoder}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        folder=subpath(input.features, ancestor=2),
        code=code("sightline.studies.khajuria2025.probes.decode"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.decode"
        " --features {params.folder} --settings {input.settings} --threads {threads}"
        " --captions {input.captions} --device {resources.device} --out {output.outcomes} --images {output.images} 2> {log}"


rule decode_global:
    """Which category an object is: learnt on some images, asked on others (khajuria2025 section 3)."""
    input:
        features=results("khajuria2025/features/{encoder}/cls/spec.json"),
        settings=results("settings/khajuria2025_probes.json"),
    output:
        outcomes=results("khajuria2025/measurements/global/{encoder}.parquet"),
        images=results("khajuria2025/measurements/global_images/{encoder}.parquet"),
    log:
        logs("khajuria2025/decode_global/{encoder}"),
    benchmark:
        benchmarks("khajuria2025/decode_global/{encoder}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        folder=subpath(input.features, ancestor=2),
        code=code("sightline.studies.khajuria2025.probes.global_probe"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.global_probe"
        " --features {params.folder} --settings {input.settings} --threads {threads}"
        " --device {resources.device} --out {output.outcomes} --images {output.images} 2> {log}"


rule test_failures:
    """Name, match and retrieve with CLS alone in scenes of several objects (dossier section 6)."""
    input:
        encoder=results("settings/encoders/{encoder}.json"),
        weights=encoder_files,
        features=results("khajuria2025/features/{encoder}/cls/spec.json"),
        outcomes=rules.decode_global.output.outcomes,
        images=rules.decode_global.output.images,
        settings=results("settings/khajuria2025_probes.json"),
    output:
        tests=results("khajuria2025/measurements/failures/{encoder}.csv"),
    log:
        logs("khajuria2025/test_failures/{encoder}"),
    benchmark:
        benchmarks("khajuria2025/test_failures/{encoder}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        folder=subpath(input.features, ancestor=2),
        code=code("sightline.studies.khajuria2025.probes.failures"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.failures"
        " --encoder {input.encoder} --device {resources.device} --features {params.folder} --settings {input.settings}"
        " --global-probe {input.outcomes} --global-images {input.images} --out {output} 2> {log}"


rule map_similarity:
    """Cosine of a token of each object with all tokens, by layer, over many images (section 4.4)."""
    input:
        encoder=results("settings/encoders/{encoder}.json"),
        weights=encoder_files,
        protocol=ancient(results("settings/khajuria2025.json")),
        part=settings_part("khajuria2025", "variants", "published_grids"),
        samples=results("khajuria2025/samples.parquet"),
        dataset=khajuria2025_data(),
        settings=results("settings/khajuria2025_probes.json"),
    output:
        rows=results("khajuria2025/measurements/similarity/{encoder}.parquet"),
        maps=results("khajuria2025/measurements/similarity_maps/{encoder}.parquet"),
        tests=results("khajuria2025/measurements/similarity_tests/{encoder}.csv"),
    log:
        logs("khajuria2025/map_similarity/{encoder}"),
    benchmark:
        benchmarks("khajuria2025/map_similarity/{encoder}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        root=lambda wildcards: dataset_root("coco"),
        code=code("sightline.studies.khajuria2025.probes.similarity"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.similarity"
        " --encoder {input.encoder} --device {resources.device} --dataset {params.root} --protocol {input.protocol}"
        " --settings {input.settings} --samples {input.samples} --threads {threads}"
        " --out {output.rows} --maps {output.maps} --tests {output.tests} 2> {log}"


rule summarise_probes:
    """Accuracies of all cells, over tasks and per task, with intervals over tasks and images."""
    input:
        outcomes=khajuria2025_each("measurements/decoding/{encoder}.parquet"),
        images=khajuria2025_each("measurements/decoding_images/{encoder}.parquet"),
        settings=results("settings/khajuria2025_probes.json"),
    output:
        cells=results("khajuria2025/cells.csv"),
        per_task=results("khajuria2025/per_task.csv"),
    log:
        logs("khajuria2025/cells"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.studies.khajuria2025.probes.summarise"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.summarise --decoding {input.outcomes}"
        " --images {input.images} --settings {input.settings} --cells {output.cells}"
        " --per-task {output.per_task} 2> {log}"


rule summarise_global_probe:
    """Accuracies of the global probe, in and not in captions, with intervals over images."""
    input:
        outcomes=khajuria2025_each("measurements/global/{encoder}.parquet"),
        images=khajuria2025_each("measurements/global_images/{encoder}.parquet"),
        settings=results("settings/khajuria2025_probes.json"),
    output:
        results("khajuria2025/global_cells.csv"),
    log:
        logs("khajuria2025/global_cells"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.studies.khajuria2025.probes.global_cells"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.global_cells --decoding {input.outcomes}"
        " --images {input.images} --settings {input.settings} --out {output} 2> {log}"


rule measure_structure:
    """M1, M2 and the global probe of every encoder, and their correlations (khajuria2025, v3 Figure 6)."""
    input:
        outcomes=rules.summarise_probes.input.outcomes,
        images=rules.summarise_probes.input.images,
        global_outcomes=rules.summarise_global_probe.input.outcomes,
        global_images=rules.summarise_global_probe.input.images,
        settings=results("settings/khajuria2025_probes.json"),
        roster=results("settings/khajuria2025_roster.json"),
    output:
        measures=results("khajuria2025/measures.csv"),
        correlations=results("khajuria2025/correlations.csv"),
    log:
        logs("khajuria2025/measures"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.studies.khajuria2025.probes.measures"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.measures --decoding {input.outcomes}"
        " --images {input.images} --global-probe {input.global_outcomes}"
        " --global-images {input.global_images} --settings {input.settings}"
        " --roster {input.roster} --out {output.measures}"
        " --correlations {output.correlations} 2> {log}"


rule judge_khajuria2025_claims:
    """The study's rows of the scorecard, as published and corrected."""
    input:
        outcomes=rules.summarise_probes.input.outcomes,
        images=rules.summarise_probes.input.images,
        global_outcomes=rules.summarise_global_probe.input.outcomes,
        global_images=rules.summarise_global_probe.input.images,
        failures=khajuria2025_each("measurements/failures/{encoder}.csv"),
        similarity=[
            results(f"khajuria2025/measurements/similarity_tests/{encoder}.csv")
            for encoder in khajuria2025_mapped()
        ],
        settings=results("settings/khajuria2025_probes.json"),
        roster=results("settings/khajuria2025_roster.json"),
    output:
        results("khajuria2025/claims.csv"),
    log:
        logs("khajuria2025/claims"),
    conda:
        "../../envs/core.yaml"
    params:
        dataset=dataset_label("coco"),
        code=code("sightline.studies.khajuria2025.probes.claims"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.claims --decoding {input.outcomes}"
        " --images {input.images} --global-probe {input.global_outcomes}"
        " --global-images {input.global_images} --tests {input.failures} {input.similarity}"
        " --settings {input.settings} --roster {input.roster}"
        " --dataset-name {params.dataset:q} --out {output} 2> {log}"
