"""Khajuria et al. 2025: cosines of all tokens of a few images, for looking around in."""


rule collect_object_tokens:
    """Cosines of all pairs of tokens, in every layer, of a few images that all encoders share."""
    input:
        encoder=results("settings/encoders/{encoder}.json"),
        weights=encoder_files,
        dataset=khajuria2025_data(),
        samples=results("khajuria2025/samples.parquet"),
    output:
        expand(
            results("khajuria2025/explorer_tables/{{encoder}}/{table}.parquet"),
            table=("images", "layers", "objects", "members", "cosines"),
        ),
    log:
        logs("khajuria2025/collect_object_tokens/{encoder}"),
    benchmark:
        benchmarks("khajuria2025/collect_object_tokens/{encoder}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        root=lambda wildcards: dataset_root("coco"),
        number=khajuria2025_page_images(),
        out=subpath(output[0], parent=True),
        code=code("sightline.studies.khajuria2025.page_tables"),
    shell:
        "python -m sightline.studies.khajuria2025.page_tables --encoder {input.encoder}"
        " --dataset {params.root} --samples {input.samples} --count {params.number}"
        " --device {resources.device} --threads {threads} --out {params.out} 2> {log}"


rule write_object_tokens:
    """Object tokens of one encoder: one page that needs nothing but itself and links to those beside it."""
    input:
        rules.collect_object_tokens.output,
    output:
        report(
            results("khajuria2025/explorer/{encoder}.html"),
            caption="../report/khajuria2025_explorer.rst",
            category="khajuria2025",
            labels={"item": "Object tokens, {encoder}"},
        ),
    log:
        logs("khajuria2025/explorer/{encoder}"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(input[0], parent=True),
        encoders=khajuria2025_encoders(),
        code=code("sightline.report.tokens_page"),
    shell:
        "python -m sightline.report.tokens_page --tables {params.folder}"
        " --encoders {params.encoders} --out {output} 2> {log}"


rule khajuria2025_explorer:
    """The list of pages of object tokens."""
    input:
        khajuria2025_each("explorer/{encoder}.html"),
    output:
        results("khajuria2025/explorer.html"),
    log:
        logs("khajuria2025/explorer"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.report.tokens_page"),
    shell:
        "python -m sightline.report.tokens_page --pages {input} --out {output} 2> {log}"
