"""Kaduri et al. 2025: attention of single tokens on a few images, for looking around in."""


rule collect_attention_routes:
    """Attention of every token of the question and of its answer, in every layer, of the first images drawn."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(kaduri2025_split()),
        protocol=ancient(results("settings/kaduri2025.json")),
        images=rules.draw_images.output,
        identity=results("settings/identities/{model}.json"),
        part=settings_part("kaduri2025", "question", "max_new_tokens", "middle"),
    output:
        expand(
            results("kaduri2025/explorer_tables/{{model}}/{table}.parquet"),
            table=("images", "tokens", "shares", "maps", "objects"),
        ),
    log:
        logs("kaduri2025/collect_attention_routes/{model}"),
    benchmark:
        benchmarks("kaduri2025/collect_attention_routes/{model}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        number=kaduri2025_page_images(),
        out=subpath(output[0], parent=True),
        code=code("sightline.studies.kaduri2025.attention.page_tables"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.page_tables --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --split {params.split} --images {input.images}"
        " --protocol {input.protocol} --count {params.number} --out {params.out} 2> {log}"


rule write_attention_routes:
    """Attention routes of one model: one page that needs nothing but itself."""
    input:
        rules.collect_attention_routes.output,
    output:
        report(
            results("kaduri2025/explorer/{model}.html"),
            caption="../report/kaduri2025_explorer.rst",
            category="kaduri2025",
            labels={"item": "Attention routes, {model}"},
        ),
    log:
        logs("kaduri2025/explorer/{model}"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(input[0], parent=True),
        code=code("sightline.report.routes_page"),
    shell:
        "python -m sightline.report.routes_page --tables {params.folder} --out {output} 2> {log}"


rule kaduri2025_explorer:
    """The list of pages of attention routes."""
    input:
        kaduri2025_pages(),
    output:
        results("kaduri2025/explorer.html"),
    log:
        logs("kaduri2025/explorer"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.report.routes_page"),
    shell:
        "python -m sightline.report.routes_page --pages {input} --out {output} 2> {log}"
