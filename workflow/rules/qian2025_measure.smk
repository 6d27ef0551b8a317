"""Qian et al. 2025: similarity maps of [SEG], masks from them, referring expressions, trained variants."""


rule read_similarity_maps:
    """Dot products and cosines of [SEG] with the image tokens in every layer, and controls (qian2025, Fig. 1)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        queries=qian2025_queries(),
        protocol=ancient(results("settings/qian2025.json")),
        identity=results("settings/identities/{model}.json"),
        part=settings_part(
            "qian2025", "token", "state", "queries", "wording", "thresholds"
        ),
    output:
        queries=results("qian2025/measurements/{model}/queries.parquet"),
        maps=results("qian2025/measurements/{model}/maps.safetensors"),
        layers=results("qian2025/measurements/{model}/layers.parquet"),
    log:
        logs("qian2025/maps/{model}"),
    benchmark:
        benchmarks("qian2025/maps/{model}")
    conda:
        "../../envs/torch.yaml"
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("reasonseg"),
        out=subpath(output.maps, parent=True),
        code=code("sightline.studies.qian2025.similarity.measure"),
    shell:
        "python -m sightline.studies.qian2025.similarity.measure --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --protocol {input.protocol} --out {params.out} 2> {log}"


rule measure_masks:
    """Masks of the model, of the unmodified SAM from points, and of the map itself (qian2025, Tables 1 to 3)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        segmenter=segmenter_files,
        sam=original_sam_files(),
        queries=qian2025_queries(),
        maps=rules.read_similarity_maps.output,
        protocol=ancient(results("settings/qian2025.json")),
        identity=results("settings/identities/{model}.json"),
        part=settings_part(
            "qian2025",
            "token",
            "state",
            "queries",
            "wording",
            "points",
            "thresholds",
            "gallery",
        ),
    output:
        masks=results("qian2025/measurements/{model}/masks.parquet"),
        agreement=results("qian2025/measurements/{model}/agreement.parquet"),
        gradients=results("qian2025/measurements/{model}/gradients.csv"),
        gallery=results("qian2025/measurements/{model}/gallery.safetensors"),
    log:
        logs("qian2025/masks/{model}"),
    benchmark:
        benchmarks("qian2025/masks/{model}")
    conda:
        "../../envs/torch.yaml"
    resources:
        **model_job(),
    params:
        segmenter=lambda wildcards: segmenter_folder(wildcards.model),
        sam=lambda wildcards: original_sam_folder(),
        root=lambda wildcards: dataset_root("reasonseg"),
        out=subpath(output.masks, parent=True),
        code=code("sightline.studies.qian2025.masks.measure"),
    shell:
        "python -m sightline.studies.qian2025.masks.measure --model {input.model}"
        " --batch-size {resources.batch_size} --maps {params.out}"
        " --segmenter {params.segmenter} --original {params.sam} --dataset {params.root}"
        " --protocol {input.protocol} --out {params.out} 2> {log}"


rule measure_expressions:
    """Referring expressions, false premises, nouns and a short session (qian2025, Tables 4 and 5)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        segmenter=segmenter_files,
        sam=original_sam_files(),
        expressions=qian2025_expressions(),
        protocol=ancient(results("settings/qian2025.json")),
        identity=results("settings/identities/{model}.json"),
        part=settings_part(
            "qian2025",
            "token",
            "state",
            "refer",
            "expressions",
            "wording",
            "max_new_tokens",
            "points",
        ),
    output:
        expressions=results("qian2025/expressions/{model}/expressions.parquet"),
        nouns=results("qian2025/expressions/{model}/nouns.parquet"),
        session=results("qian2025/expressions/{model}/session.json"),
        masks=results("qian2025/expressions/{model}/session.safetensors"),
    log:
        logs("qian2025/expressions/{model}"),
    benchmark:
        benchmarks("qian2025/expressions/{model}")
    conda:
        "../../envs/torch.yaml"
    resources:
        **model_job(),
    params:
        segmenter=lambda wildcards: segmenter_folder(wildcards.model),
        sam=lambda wildcards: original_sam_folder(),
        root=lambda wildcards: qian2025_refer_root(),
        out=subpath(output.expressions, parent=True),
        code=code("sightline.studies.qian2025.refer.measure"),
    shell:
        "python -m sightline.studies.qian2025.refer.measure --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --segmenter {params.segmenter} --original {params.sam} --dataset {params.root}"
        " --protocol {input.protocol} --out {params.out} 2> {log}"


rule compare_nouns:
    """Maps of what queries ask for by name in a vision-language encoder, beside those of [SEG] (qian2025, Fig. 1b)."""
    input:
        unpack(lambda wildcards: qian2025_noun_encoder_files()),
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        queries=qian2025_queries(),
        maps=rules.read_similarity_maps.output,
        protocol=ancient(results("settings/qian2025.json")),
        identity=results("settings/identities/{model}.json"),
        part=settings_part(
            "qian2025", "token", "state", "queries", "wording", "gallery"
        ),
    output:
        compared=results("qian2025/measurements/{model}/nouns.parquet"),
        maps=results("qian2025/measurements/{model}/noun_maps.safetensors"),
        pictures=results("qian2025/measurements/{model}/noun_pictures.safetensors"),
    log:
        logs("qian2025/nouns/{model}"),
    benchmark:
        benchmarks("qian2025/nouns/{model}")
    conda:
        "../../envs/torch.yaml"
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("reasonseg"),
        out=subpath(output.compared, parent=True),
        code=code("sightline.studies.qian2025.nouns.measure"),
    shell:
        "python -m sightline.studies.qian2025.nouns.measure --model {input.model}"
        " --batch-size {resources.batch_size} --encoder {input.encoder} --maps {params.out}"
        " --dataset {params.root} --protocol {input.protocol} --out {params.out} 2> {log}"


rule measure_segmenter_variants:
    """Masks of whatever segmenter variants are trained (qian2025, Tables 6 and 7)."""
    input:
        model=ancient(results(f"settings/models/{varied_model()}.json")),
        weights=lambda wildcards: files_of_model(varied_model()),
        identity=results(f"settings/identities/{varied_model()}.json"),
        variants=variant_files(),
        sam=original_sam_files(),
        queries=qian2025_queries(),
        protocol=ancient(results("settings/qian2025.json")),
        part=settings_part("qian2025", "token", "state", "queries", "wording", "points"),
    output:
        results("qian2025/variants.parquet"),
    log:
        logs("qian2025/variants"),
    benchmark:
        benchmarks("qian2025/variants")
    conda:
        "../../envs/torch.yaml"
    resources:
        **cards(1, config["device"]),
    params:
        folder=lambda wildcards: bundled(study("qian2025")["variants"]["folder"]),
        seeds=study("qian2025").get("variants", {}).get("seeds", [0]),
        sam=lambda wildcards: original_sam_folder(),
        root=lambda wildcards: dataset_root("reasonseg"),
        code=code("sightline.studies.qian2025.variants.measure"),
    shell:
        "python -m sightline.studies.qian2025.variants.measure --model {input.model}"
        " --original {params.sam} --variants {params.folder} --seeds {params.seeds}"
        " --dataset {params.root} --protocol {input.protocol} --out {output} 2> {log}"


rule train_segmenter_variant:
    """Train one segmenter with or without points; a killed training goes on where it was (qian2025, Table 6).

    Changed code alone repeats no training, as for the demo models.
    """
    input:
        start=lambda wildcards: demo_weights(study("qian2025")["variants"]["model"]),
    output:
        weights=results(
            "training/segmenter-variants/{variant}-s{seed}/variant.safetensors"
        ),
        settings=results("training/segmenter-variants/{variant}-s{seed}/variant.json"),
    log:
        logs("training/segmenter-variants/{variant}-s{seed}"),
    wildcard_constraints:
        seed=r"\d+",
    conda:
        "../../envs/torch.yaml"
    threads: 2
    params:
        models=lambda wildcards: demo_folder(study("qian2025")["variants"]["model"]),
        work=results("training/checkpoints/segmenter-variants"),
        out=subpath(output.weights, parent=True),
    shell:
        "python -m sightline.demo.segmenter_variants --variant {wildcards.variant}"
        " --seed {wildcards.seed} --models {params.models} --work {params.work}"
        " --threads {threads} --out {params.out} 2> {log}"


rule train_qian2025_variants:
    """All segmenter variants anew; copied to the folder that the configuration names they are measured."""
    input:
        expand(
            rules.train_segmenter_variant.output.settings,
            variant=SEGMENTER_VARIANTS,
            seed=study("qian2025").get("variants", {}).get("seeds", []),
        ),


rule summarise_qian2025:
    """Scores of every model, split and mask with intervals."""
    input:
        masks=qian2025_measured("masks.parquet"),
        layers=qian2025_measured("layers.parquet"),
        expressions=qian2025_heard("expressions.parquet"),
        variants=qian2025_variants(),
    output:
        results("qian2025/effects.csv"),
    log:
        logs("qian2025/effects"),
    conda:
        "../../envs/core.yaml"
    params:
        seed=config["seed"],
        draws=study("qian2025").get("bootstrap", 0),
        code=code("sightline.studies.qian2025.effects"),
    shell:
        "python -m sightline.studies.qian2025.effects --masks {input.masks} --layers {input.layers}"
        " --expressions {input.expressions} --variants {input.variants} --seed {params.seed}"
        " --draws {params.draws} --out {output} 2> {log}"


rule judge_qian2025_model:
    """Scorecard rows of one model."""
    input:
        effects=rules.summarise_qian2025.output,
        masks=rules.measure_masks.output.masks,
        agreement=rules.measure_masks.output.agreement,
        gradients=rules.measure_masks.output.gradients,
        nouns=lambda wildcards: qian2025_heard("nouns.parquet", wildcards.model),
        noun_maps=lambda wildcards: qian2025_named(wildcards.model),
        variants=lambda wildcards: qian2025_variants(wildcards.model),
        others=qian2025_measured("masks.parquet"),
        protocol=ancient(results("settings/qian2025.json")),
        published=library_file("studies/qian2025/published.csv"),
        part=settings_part("qian2025", "points", "bootstrap"),
    output:
        results("qian2025/claims/{model}.csv"),
    log:
        logs("qian2025/claims/{model}"),
    conda:
        "../../envs/core.yaml"
    params:
        dataset=reasonseg_label(),
        lengths=lengths_assumed(),
        code=code("sightline.studies.qian2025.judging"),
    shell:
        "python -m sightline.studies.qian2025.judging --effects {input.effects} --masks {input.masks}"
        " --agreement {input.agreement} --gradients {input.gradients} --nouns {input.nouns}"
        " --noun-maps {input.noun_maps} --variants {input.variants} --others {input.others}"
        " --protocol {input.protocol} --dataset-name {params.dataset:q} {params.lengths} --out {output} 2> {log}"
