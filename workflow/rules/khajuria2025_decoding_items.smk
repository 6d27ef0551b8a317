"""Khajuria et al. 2025: figures and tables of decoding from pairs."""


rule khajuria2025_decoding:
    """Figure 2a and its repetitions in the supplement: decoding from pairs, published cells beside."""
    input:
        cells=rules.summarise_probes.output.cells,
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/{item}.pdf"),
        png=report(
            results("khajuria2025/{item}.png"),
            caption="../report/khajuria2025_decoding.rst",
            category="khajuria2025",
            labels=lambda wildcards: {"item": KHAJURIA2025_TITLES[wildcards.item]},
        ),
        csv=results("khajuria2025/{item}.csv"),
    log:
        logs("khajuria2025/{item}"),
    wildcard_constraints:
        item="|".join(KHAJURIA2025_DECODED),
    conda:
        "../../envs/plot.yaml"
    params:
        encoder=khajuria2025_encoder_of,
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.decoding_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.decoding_figure --cells {input.cells} --item {wildcards.item}"
        " --encoder {params.encoder}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_figS1:
    """The same with a probe of three hidden layers, the perceptron beside."""
    input:
        cells=rules.summarise_probes.output.cells,
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/figS1.pdf"),
        png=report(
            results("khajuria2025/figS1.png"),
            caption="../report/khajuria2025_figS1.rst",
            category="khajuria2025",
            labels={"item": "Decoding with an MLP"},
        ),
        csv=results("khajuria2025/figS1.csv"),
    log:
        logs("khajuria2025/figS1"),
    conda:
        "../../envs/plot.yaml"
    params:
        encoder=khajuria2025_with_mlp() or "none",
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.decoding_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.decoding_figure --cells {input.cells} --item figS1"
        " --encoder {params.encoder}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_fig3:
    """Same-object decoding of all encoders by layer, published lines beside."""
    input:
        cells=rules.summarise_probes.output.cells,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/fig3.pdf"),
        png=report(
            results("khajuria2025/fig3.png"),
            caption="../report/khajuria2025_fig3.rst",
            category="khajuria2025",
            labels={"item": "Same-object decoding by layer"},
        ),
        csv=results("khajuria2025/fig3.csv"),
    log:
        logs("khajuria2025/fig3"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.depth_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.depth_figure --cells {input.cells}"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_fig4:
    """Same-object decoding in and not in captions, published cells beside."""
    input:
        cells=rules.summarise_probes.output.cells,
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/fig4.pdf"),
        png=report(
            results("khajuria2025/fig4.png"),
            caption="../report/khajuria2025_fig4.rst",
            category="khajuria2025",
            labels={"item": "Decoding by caption"},
        ),
        csv=results("khajuria2025/fig4.csv"),
    log:
        logs("khajuria2025/fig4"),
    conda:
        "../../envs/plot.yaml"
    params:
        encoder=khajuria2025_captioned() or "none",
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.caption_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.caption_figure --cells {input.cells}"
        " --encoder {params.encoder}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_aux_pertask:
    """Accuracy by layer and task."""
    input:
        per_task=rules.summarise_probes.output.per_task,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/aux_pertask.pdf"),
        png=report(
            results("khajuria2025/aux_pertask.png"),
            caption="../report/khajuria2025_aux_pertask.rst",
            category="khajuria2025",
            labels={"item": "Accuracy by task"},
        ),
        csv=results("khajuria2025/aux_pertask.csv"),
    log:
        logs("khajuria2025/aux_pertask"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.per_task"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.per_task --per-task {input.per_task} --item aux_pertask"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_aux_testsizes:
    """Images left to test on, published beside."""
    input:
        per_task=rules.summarise_probes.output.per_task,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        csv=report(
            results("khajuria2025/aux_testsizes.csv"),
            caption="../report/khajuria2025_aux_testsizes.rst",
            category="khajuria2025",
            labels={"item": "Images to test on"},
        ),
        md=results("khajuria2025/aux_testsizes.md"),
        tex=results("khajuria2025/aux_testsizes.tex"),
    log:
        logs("khajuria2025/aux_testsizes"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.khajuria2025.probes.per_task"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.per_task --per-task {input.per_task} --item aux_testsizes"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_defects:
    """What deliberate defects do to the measures."""
    input:
        cells=rules.summarise_probes.output.cells,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/defects.pdf"),
        png=report(
            results("khajuria2025/defects.png"),
            caption="../report/khajuria2025_defects.rst",
            category="khajuria2025",
            labels={"item": "Deliberate defects"},
        ),
        csv=results("khajuria2025/defects.csv"),
    log:
        logs("khajuria2025/defects"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.defects_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.defects_figure --cells {input.cells}"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"
