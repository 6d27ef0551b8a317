"""Khajuria et al. 2025: figures and tables of measures over encoders, similarity maps and failures."""


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
