"""Qian et al. 2025: figures and tables from what was measured."""


rule qian2025_table:
    """One of the study's tables, measured beside published."""
    input:
        effects=rules.summarise_qian2025.output,
        protocol=ancient(results("settings/qian2025.json")),
        published=library_file("studies/qian2025/published.csv"),
        part=settings_part("qian2025", "state", "queries", "points", "thresholds"),
    output:
        csv=report(
            results("qian2025/{table}.csv"),
            caption="../report/qian2025_table.rst",
            category="qian2025",
            labels=lambda wildcards: {"item": QIAN2025_TABLES[wildcards.table]},
        ),
        md=results("qian2025/{table}.md"),
        tex=results("qian2025/{table}.tex"),
    log:
        logs("qian2025/{table}"),
    wildcard_constraints:
        table="|".join(QIAN2025_TABLES),
    conda:
        "../../envs/core.yaml"
    params:
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.qian2025.items.tables"),
    shell:
        "python -m sightline.studies.qian2025.items.tables --item {wildcards.table}"
        " --effects {input.effects} --protocol {input.protocol} --out {params.stem} 2> {log}"


rule qian2025_fig1:
    """Figure 1: mask of the unmodified SAM from points, and maps of the noun and of [SEG], on one image."""
    input:
        gallery=qian2025_measured("gallery.safetensors"),
        queries=qian2025_measured("queries.parquet"),
        nouns=qian2025_named(),
    output:
        pdf=results("qian2025/fig1.pdf"),
        png=report(
            results("qian2025/fig1.png"),
            caption="../report/qian2025_fig1.rst",
            category="qian2025",
            labels={"item": "Figure 1"},
        ),
        csv=results("qian2025/fig1.csv"),
    log:
        logs("qian2025/fig1"),
    conda:
        "../../envs/plot.yaml"
    params:
        folders=lambda wildcards, input: [Path(file).parent for file in input.queries],
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.qian2025.items.pictures"),
    shell:
        "python -m sightline.studies.qian2025.items.pictures --figure fig1 --measurements {params.folders}"
        " --nouns {input.nouns} --out {params.stem} 2> {log}"


rule qian2025_fig3:
    """Figure 3: masks of every model beside the ground truth."""
    input:
        gallery=qian2025_measured("gallery.safetensors"),
        queries=qian2025_measured("queries.parquet"),
    output:
        pdf=results("qian2025/fig3.pdf"),
        png=report(
            results("qian2025/fig3.png"),
            caption="../report/qian2025_fig3.rst",
            category="qian2025",
            labels={"item": "Figure 3"},
        ),
        csv=results("qian2025/fig3.csv"),
    log:
        logs("qian2025/fig3"),
    conda:
        "../../envs/plot.yaml"
    params:
        folders=lambda wildcards, input: [Path(file).parent for file in input.queries],
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.qian2025.items.pictures"),
    shell:
        "python -m sightline.studies.qian2025.items.pictures --figure fig3 --measurements {params.folders}"
        " --out {params.stem} 2> {log}"


rule qian2025_figB:
    """Appendix B: maps and masks on images drawn by the seed."""
    input:
        gallery=qian2025_measured("gallery.safetensors"),
        queries=qian2025_measured("queries.parquet"),
    output:
        pdf=results("qian2025/figB.pdf"),
        png=report(
            results("qian2025/figB.png"),
            caption="../report/qian2025_figB.rst",
            category="qian2025",
            labels={"item": "Gallery of maps"},
        ),
        csv=results("qian2025/figB.csv"),
    log:
        logs("qian2025/figB"),
    conda:
        "../../envs/plot.yaml"
    params:
        folders=lambda wildcards, input: [Path(file).parent for file in input.queries],
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.qian2025.items.pictures"),
    shell:
        "python -m sightline.studies.qian2025.items.pictures --figure figB --measurements {params.folders}"
        " --out {params.stem} 2> {log}"


rule qian2025_fig2:
    """Figure 2: the wiring, with the map, points and masks of one query along it."""
    input:
        gallery=f"{qian2025_folder(qian2025_first_model())}/gallery.safetensors",
        queries=f"{qian2025_folder(qian2025_first_model())}/queries.parquet",
        masks=f"{qian2025_folder(qian2025_first_model())}/masks.parquet",
        protocol=ancient(results("settings/qian2025.json")),
        part=settings_part("qian2025", "token", "state", "queries", "wording", "points"),
    output:
        pdf=results("qian2025/fig2.pdf"),
        png=report(
            results("qian2025/fig2.png"),
            caption="../report/qian2025_fig2.rst",
            category="qian2025",
            labels={"item": "Figure 2"},
        ),
        csv=results("qian2025/fig2.csv"),
    log:
        logs("qian2025/fig2"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.queries, parent=True),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.qian2025.items.diagram"),
    shell:
        "python -m sightline.studies.qian2025.items.diagram --measurements {params.folder}"
        " --protocol {input.protocol} --out {params.stem} 2> {log}"


rule qian2025_layers:
    """How well the map of [SEG] finds the object, in every layer."""
    input:
        effects=rules.summarise_qian2025.output,
    output:
        pdf=results("qian2025/layers.pdf"),
        png=report(
            results("qian2025/layers.png"),
            caption="../report/qian2025_layers.rst",
            category="qian2025",
            labels={"item": "Maps by layer"},
        ),
        csv=results("qian2025/layers.csv"),
    log:
        logs("qian2025/layers"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.qian2025.items.layers_figure"),
    shell:
        "python -m sightline.studies.qian2025.items.layers_figure --effects {input.effects}"
        " --out {params.stem} 2> {log}"


rule qian2025_demo:
    """A short session: words, a mask on request, a false premise."""
    input:
        session=lambda wildcards: qian2025_heard("session.json", qian2025_first_model()),
        masks=lambda wildcards: qian2025_heard(
            "session.safetensors", qian2025_first_model()
        ),
    output:
        pdf=results("qian2025/demo.pdf"),
        png=report(
            results("qian2025/demo.png"),
            caption="../report/qian2025_demo.rst",
            category="qian2025",
            labels={"item": "Session"},
        ),
        csv=results("qian2025/demo.csv"),
    log:
        logs("qian2025/demo"),
    conda:
        "../../envs/plot.yaml"
    params:
        model=qian2025_first_model(),
        folder=results(f"qian2025/expressions/{qian2025_first_model()}"),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.qian2025.items.session"),
    shell:
        "python -m sightline.studies.qian2025.items.session --model {params.model} --refer {params.folder}"
        " --out {params.stem} 2> {log}"
