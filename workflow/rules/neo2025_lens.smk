"""Neo et al. 2025: read the states of image tokens with the model's own vocabulary."""


localrules:
    write_lens_protocol,


LENS_TABLES = (
    "states",
    "best",
    "attributes",
    "numbers",
    "counts",
    "maps",
    "shown_words",
    "shown_patches",
)


rule write_lens_protocol:
    """Settings of the lens as a file: jobs depend on its content."""
    output:
        results("settings/neo2025_lens.json"),
    log:
        logs("settings/neo2025_lens"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(lens_protocol()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule choose_lens_images:
    """Images with one object of the wanted size, and images as they come (neo2025, section 4.1)."""
    input:
        dataset=coco_files(lens_split()),
        protocol=results("settings/neo2025_lens.json"),
    output:
        results("neo2025/lens/images.parquet"),
    log:
        logs("neo2025/lens_images"),
    conda:
        "../../envs/core.yaml"
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=lens_split(),
        code=code("sightline.studies.neo2025.lens.image_set"),
    shell:
        "python -m sightline.studies.neo2025.lens.image_set --dataset {params.root}"
        " --split {params.split} --protocol {input.protocol} --out {output} 2> {log}"


rule read_lens:
    """Read every state of every image token through the lens (neo2025, section 4.1)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(lens_split()),
        images=rules.choose_lens_images.output,
        protocol=results("settings/neo2025_lens.json"),
        identity=results("settings/identities/{model}.json"),
    output:
        spec=sharded_traces("cache/{model}/lens"),
        words=sharded("neo2025/lens/{model}/words.json"),
        objects=sharded("neo2025/lens/{model}/objects.parquet"),
        coverage=sharded("neo2025/lens/{model}/coverage.parquet"),
        selection=sharded("neo2025/lens/{model}/selection.parquet"),
        pictures=sharded("neo2025/lens/{model}/pictures.parquet"),
    log:
        logs(by_shard("neo2025/lens/{model}")),
    benchmark:
        benchmarks(by_shard("neo2025/lens/{model}"))
    conda:
        "../../envs/torch.yaml"
    threads: half_of_the_cores
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=lens_split(),
        folder=subpath(output.spec, parent=True),
        about=subpath(output.words, parent=True),
        shard=shard_option,
        code=code("sightline.studies.neo2025.lens.readouts"),
    shell:
        "python -m sightline.studies.neo2025.lens.readouts --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --split {params.split} --images {input.images}"
        " --protocol {input.protocol} --processes {threads} --out {params.folder}"
        " --about {params.about} {params.shard} 2> {log}"


rule measure_lens:
    """What the stored read-outs tell: shares, best states, attributes, numbers, maps."""
    input:
        spec=results("cache/{model}/lens/spec.json"),
        words=results("neo2025/lens/{model}/words.json"),
        objects=results("neo2025/lens/{model}/objects.parquet"),
        coverage=results("neo2025/lens/{model}/coverage.parquet"),
        selection=results("neo2025/lens/{model}/selection.parquet"),
        dataset=coco_files(lens_split()),
        protocol=results("settings/neo2025_lens.json"),
    output:
        expand(
            results("neo2025/measurements/lens/{{model}}/{table}.parquet"),
            table=LENS_TABLES,
        ),
    log:
        logs("neo2025/measure_lens/{model}"),
    benchmark:
        benchmarks("neo2025/measure_lens/{model}")
    conda:
        "../../envs/torch.yaml"
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=lens_split(),
        cache=subpath(input.spec, parent=True),
        about=subpath(input.words, parent=True),
        out=subpath(output[0], parent=True),
        code=code("sightline.studies.neo2025.lens.measure"),
    shell:
        "python -m sightline.studies.neo2025.lens.measure --lens {params.cache}"
        " --about {params.about} --dataset {params.root} --split {params.split}"
        " --protocol {input.protocol} --out {params.out} 2> {log}"


rule replace_number_words:
    """Replace the tokens that decode to a number and look for number words elsewhere."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(lens_split()),
        numbers=results("neo2025/measurements/lens/{model}/numbers.parquet"),
        words=results("neo2025/lens/{model}/words.json"),
        coverage=results("neo2025/lens/{model}/coverage.parquet"),
        mean=mean_token,
        protocol=results("settings/neo2025_lens.json"),
        identity=results("settings/identities/{model}.json"),
    output:
        results("neo2025/measurements/lens/{model}/replaced.parquet"),
    log:
        logs("neo2025/replace_number_words/{model}"),
    benchmark:
        benchmarks("neo2025/replace_number_words/{model}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=lens_split(),
        about=subpath(input.words, parent=True),
        code=code("sightline.studies.neo2025.lens.replaced"),
    shell:
        "python -m sightline.studies.neo2025.lens.replaced --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --split {params.split} --numbers {input.numbers}"
        " --about {params.about} --mean {input.mean} --protocol {input.protocol}"
        " --out {output} 2> {log}"


rule summarise_lens:
    """Layer curves, best states, attributes and maps per model, with intervals."""
    input:
        tables=expand(
            results("neo2025/measurements/lens/{model}/{table}.parquet"),
            model=study("neo2025").get("models", []),
            table=LENS_TABLES,
        ),
        protocol=results("settings/neo2025_lens.json"),
    output:
        curves=results("neo2025/lens/curves.csv"),
        best=results("neo2025/lens/best.csv"),
        attributes=results("neo2025/lens/attributes.csv"),
        maps=results("neo2025/lens/maps.csv"),
    log:
        logs("neo2025/summarise_lens"),
    conda:
        "../../envs/core.yaml"
    params:
        folders=lens_folders(),
        out=subpath(output.curves, parent=True),
        code=code("sightline.studies.neo2025.lens.effects"),
    shell:
        "python -m sightline.studies.neo2025.lens.effects --measurements {params.folders}"
        " --protocol {input.protocol} --out {params.out} 2> {log}"


rule contrast_lens:
    """The single numbers that the lens claims rest on, with intervals and tests."""
    input:
        tables=rules.summarise_lens.input.tables,
        replaced=expand(
            results("neo2025/measurements/lens/{model}/replaced.parquet"),
            model=study("neo2025").get("models", []),
        ),
        protocol=results("settings/neo2025_lens.json"),
    output:
        results("neo2025/lens/contrasts.csv"),
    log:
        logs("neo2025/contrast_lens"),
    conda:
        "../../envs/core.yaml"
    params:
        folders=lens_folders(),
        code=code("sightline.studies.neo2025.lens.contrasts"),
    shell:
        "python -m sightline.studies.neo2025.lens.contrasts --measurements {params.folders}"
        " --protocol {input.protocol} --out {output} 2> {log}"


rule judge_neo2025_lens:
    """Scorecard rows of the claims that rest on the lens."""
    input:
        contrasts=rules.contrast_lens.output,
        published=library_file("studies/neo2025/published.csv"),
    output:
        results("neo2025/claims/lens.csv"),
    log:
        logs("neo2025/claims_lens"),
    conda:
        "../../envs/core.yaml"
    params:
        model=first_model(),
        # Nothing at all where there is no such model: an empty argument would be swallowed.
        other=f"--other-architecture {other_architecture()}"
        * bool(other_architecture()),
        dataset=dataset_label("coco"),
        code=code("sightline.studies.neo2025.lens.claims"),
    shell:
        "python -m sightline.studies.neo2025.lens.claims --contrasts {input.contrasts}"
        " --model {params.model} {params.other}"
        " --dataset-name {params.dataset:q} --out {output} 2> {log}"
