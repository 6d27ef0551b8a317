"""What models leave behind for many studies to read."""


rule cache_image_tokens:
    """Encode the reference images: the vision tower runs once per image."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=lambda wildcards: coco_files(study("neo2025")["reference"]["split"]),
        identity=results("settings/identities/{model}.json"),
    output:
        spec=results("cache/{model}/image_tokens/spec.json"),
        index=results("cache/{model}/image_tokens/index.parquet"),
    log:
        logs("cache/{model}/image_tokens"),
    benchmark:
        benchmarks("cache/{model}/image_tokens")
    priority: LONGEST_CHAIN
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=lambda wildcards: study("neo2025")["reference"]["split"],
        images=lambda wildcards: study("neo2025")["reference"]["images"],
        folder=subpath(output.spec, parent=True),
        code=code("sightline.instruments.capture"),
    shell:
        "python -m sightline.instruments.capture --model {input.model}"
        " --batch-size {resources.batch_size} --dataset {params.root}"
        " --split {params.split} --images all --limit {params.images} --out {params.folder} 2> {log}"
