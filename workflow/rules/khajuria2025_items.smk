"""Khajuria et al. 2025: figures and tables made of the probes' numbers."""


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


rule khajuria2025_fig6:
    """M1, M2 and global probe, published values beside."""
    input:
        measures=rules.measure_structure.output.measures,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/fig6.pdf"),
        png=report(
            results("khajuria2025/fig6.png"),
            caption="../report/khajuria2025_fig6.rst",
            category="khajuria2025",
            labels={"item": "M1, M2 and global probe"},
        ),
        csv=results("khajuria2025/fig6.csv"),
    log:
        logs("khajuria2025/fig6"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.measures_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.measures_figure --measures {input.measures} --item fig6"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_fig6_draft:
    """Earlier form of Figure 6, published values beside."""
    input:
        measures=rules.measure_structure.output.measures,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/fig6_draft.pdf"),
        png=report(
            results("khajuria2025/fig6_draft.png"),
            caption="../report/khajuria2025_fig6_draft.rst",
            category="khajuria2025",
            labels={"item": "Earlier form of Figure 6"},
        ),
        csv=results("khajuria2025/fig6_draft.csv"),
    log:
        logs("khajuria2025/fig6_draft"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.measures_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.measures_figure --measures {input.measures} --item fig6_draft"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_scatter:
    """M2 against the caption gap, published values beside."""
    input:
        measures=rules.measure_structure.output.measures,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/scatter.pdf"),
        png=report(
            results("khajuria2025/scatter.png"),
            caption="../report/khajuria2025_scatter.rst",
            category="khajuria2025",
            labels={"item": "M2 against the caption gap"},
        ),
        csv=results("khajuria2025/scatter.csv"),
    log:
        logs("khajuria2025/scatter"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.measures_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.measures_figure --measures {input.measures} --item scatter"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_aux_global:
    """Global probe by layer, published values beside."""
    input:
        cells=rules.summarise_global_probe.output,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/aux_global.pdf"),
        png=report(
            results("khajuria2025/aux_global.png"),
            caption="../report/khajuria2025_aux_global.rst",
            category="khajuria2025",
            labels={"item": "Global probe by layer"},
        ),
        csv=results("khajuria2025/aux_global.csv"),
    log:
        logs("khajuria2025/aux_global"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.global_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.global_figure --cells {input.cells} --item aux_global"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_v2_fig5:
    """Global probe as bars, published values beside."""
    input:
        cells=rules.summarise_global_probe.output,
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/v2_fig5.pdf"),
        png=report(
            results("khajuria2025/v2_fig5.png"),
            caption="../report/khajuria2025_v2_fig5.rst",
            category="khajuria2025",
            labels={"item": "Global probe as bars"},
        ),
        csv=results("khajuria2025/v2_fig5.csv"),
    log:
        logs("khajuria2025/v2_fig5"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.global_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.global_figure --cells {input.cells} --item v2_fig5"
        " --roster {input.roster}"
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


rule khajuria2025_v2_failure:
    """Simple tasks with several objects: zero-shot, matching, retrieval."""
    input:
        tests=khajuria2025_each("measurements/failures/{encoder}.csv"),
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/v2_failure.pdf"),
        png=report(
            results("khajuria2025/v2_failure.png"),
            caption="../report/khajuria2025_v2_failure.rst",
            category="khajuria2025",
            labels={"item": "Failure modes"},
        ),
        csv=results("khajuria2025/v2_failure.csv"),
    log:
        logs("khajuria2025/v2_failure"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.failures_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.failures_figure --tests {input.tests}"
        " --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_similarity:
    """Similarity maps of the base or the large encoders, and their numbers over many images."""
    input:
        rows=lambda wildcards: [
            results(f"khajuria2025/measurements/similarity/{encoder}.parquet")
            for encoder in khajuria2025_shown(wildcards.size)
        ],
        maps=lambda wildcards: [
            results(f"khajuria2025/measurements/similarity_maps/{encoder}.parquet")
            for encoder in khajuria2025_shown(wildcards.size)
        ],
        roster=results("settings/khajuria2025_roster.json"),
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        pdf=results("khajuria2025/similarity_{size}.pdf"),
        png=report(
            results("khajuria2025/similarity_{size}.png"),
            caption="../report/khajuria2025_similarity.rst",
            category="khajuria2025",
            labels={"item": "Similarity maps, {size} encoders"},
        ),
        csv=results("khajuria2025/similarity_{size}.csv"),
    log:
        logs("khajuria2025/similarity_{size}"),
    wildcard_constraints:
        size="base|large",
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.khajuria2025.probes.similarity_figure"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.similarity_figure --rows {input.rows}"
        " --maps {input.maps} --item similarity_{wildcards.size} --roster {input.roster}"
        " --out {params.stem} 2> {log}"


rule khajuria2025_tab1:
    """Correlations of M1 and M2 with the global probe, published beside."""
    input:
        correlations=rules.measure_structure.output.correlations,
        published=library_file("studies/khajuria2025/published.csv"),
    output:
        csv=report(
            results("khajuria2025/tab1.csv"),
            caption="../report/khajuria2025_tab1.rst",
            category="khajuria2025",
            labels={"item": "Correlations"},
        ),
        md=results("khajuria2025/tab1.md"),
        tex=results("khajuria2025/tab1.tex"),
    log:
        logs("khajuria2025/tab1"),
    conda:
        "../../envs/core.yaml"
    params:
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.khajuria2025.probes.tab1"),
    shell:
        "python -m sightline.studies.khajuria2025.probes.tab1 --correlations {input.correlations}"
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
