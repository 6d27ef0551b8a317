"""Neo et al. 2025: its two drawings, which need no data."""


localrules:
    neo2025_fig1,
    neo2025_fig2,


rule neo2025_fig1:
    """Figure 1: from the image to words, and what the study asks (a drawing)."""
    output:
        pdf=results("neo2025/fig1.pdf"),
        png=report(
            results("neo2025/fig1.png"),
            caption="../report/neo2025_fig1.rst",
            category="neo2025",
            labels={"item": "Figure 1"},
        ),
    log:
        logs("neo2025/fig1"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.diagrams"),
    shell:
        "python -m sightline.studies.neo2025.diagrams --figure fig1 --out {params.stem} 2> {log}"


rule neo2025_fig2:
    """Figure 2: the ablation in three steps (a drawing)."""
    output:
        pdf=results("neo2025/fig2.pdf"),
        png=report(
            results("neo2025/fig2.png"),
            caption="../report/neo2025_fig2.rst",
            category="neo2025",
            labels={"item": "Figure 2"},
        ),
    log:
        logs("neo2025/fig2"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.diagrams"),
    shell:
        "python -m sightline.studies.neo2025.diagrams --figure fig2 --out {params.stem} 2> {log}"
