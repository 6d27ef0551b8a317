"""Qian et al. 2025: maps of every layer beside points, masks and scores, for looking around in."""


rule explore_similarity:
    """Maps of every layer of the gallery's queries."""
    input:
        rules.read_similarity_maps.output,
        rules.measure_masks.output.gallery,
        model=ancient(results("settings/models/{model}.json")),
        protocol=ancient(results("settings/qian2025.json")),
        identity=results("settings/identities/{model}.json"),
        part=settings_part("qian2025", "state", "points", "gallery"),
    output:
        results("qian2025/measurements/{model}/explorer.json"),
    log:
        logs("qian2025/explore_similarity/{model}"),
    conda:
        "../../envs/torch.yaml"
    params:
        folder=subpath(output[0], parent=True),
        code=code("sightline.studies.qian2025.items.explorer"),
    shell:
        "python -m sightline.studies.qian2025.items.explorer --measurements {params.folder}"
        " --model {input.model} --protocol {input.protocol} --out {output} 2> {log}"


rule write_similarity_page:
    """Similarity of [SEG] in one model: one page that needs nothing but itself."""
    input:
        maps=rules.explore_similarity.output,
        queries=rules.read_similarity_maps.output.queries,
        layers=rules.read_similarity_maps.output.layers,
        masks=rules.measure_masks.output.masks,
        gallery=rules.measure_masks.output.gallery,
    output:
        report(
            results("qian2025/explorer/{model}.html"),
            caption="../report/qian2025_explorer.rst",
            category="qian2025",
            labels={"item": "Similarity of [SEG], {model}"},
        ),
    log:
        logs("qian2025/explorer/{model}"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.queries, parent=True),
        code=code("sightline.report.seg_page"),
    shell:
        "python -m sightline.report.seg_page --tables {params.folder} --out {output} 2> {log}"


rule qian2025_explorer:
    """The list of pages of [SEG] similarity."""
    input:
        qian2025_pages(),
    output:
        results("qian2025/explorer.html"),
    log:
        logs("qian2025/explorer"),
    conda:
        "../../envs/plot.yaml"
    params:
        code=code("sightline.report.seg_page"),
    shell:
        "python -m sightline.report.seg_page --pages {input} --out {output} 2> {log}"
