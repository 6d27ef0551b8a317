"""Kaduri et al. 2025: the items that rest on attention."""


rule kaduri2025_fig1:
    """Figure 1: share of attention by role and layer."""
    input:
        effects=results("kaduri2025/attention/fractions.csv"),
        published=library_file("studies/kaduri2025/published.csv"),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "middle"),
    output:
        pdf=results("kaduri2025/fig1.pdf"),
        png=report(
            results("kaduri2025/fig1.png"),
            caption="../report/kaduri2025_fig1.rst",
            category="kaduri2025",
            labels={"item": "Figure 1"},
        ),
        csv=results("kaduri2025/fig1.csv"),
    log:
        logs("kaduri2025/fig1"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.effects, parent=True),
        models=study("kaduri2025").get("models", []),
        model=kaduri2025_first_model(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.attention.fractions_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.fractions_figure --effects {params.folder}"
        " --models {params.models} --model {params.model} --protocol {input.protocol}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_figS2:
    """The same for a second model."""
    input:
        effects=results("kaduri2025/attention/fractions.csv"),
        published=library_file("studies/kaduri2025/published.csv"),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "middle"),
    output:
        pdf=results("kaduri2025/figS2.pdf"),
        png=report(
            results("kaduri2025/figS2.png"),
            caption="../report/kaduri2025_figS2.rst",
            category="kaduri2025",
            labels={"item": "Figure 1, second model"},
        ),
        csv=results("kaduri2025/figS2.csv"),
    log:
        logs("kaduri2025/figS2"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.effects, parent=True),
        models=study("kaduri2025").get("models", []),
        model=kaduri2025_second_model(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.attention.fractions_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.fractions_figure --effects {params.folder}"
        " --models {params.models} --model {params.model} --protocol {input.protocol}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_fig4:
    """Figure 4: maps before, in and after the middle layers, and their spread."""
    input:
        effects=results("kaduri2025/attention/spread.csv"),
        overlaps=results("kaduri2025/attention/overlaps.csv"),
        attention=kaduri2025_attention_tables(kaduri2025_first_model()),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "middle"),
    output:
        pdf=results("kaduri2025/fig4.pdf"),
        png=report(
            results("kaduri2025/fig4.png"),
            caption="../report/kaduri2025_fig4.rst",
            category="kaduri2025",
            labels={"item": "Figure 4"},
        ),
        csv=results("kaduri2025/fig4.csv"),
    log:
        logs("kaduri2025/fig4"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.effects, parent=True),
        attention=lambda wildcards, input: Path(input.attention[0]).parent,
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.attention.maps_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.maps_figure --effects {params.folder}"
        " --attention {params.attention} --protocol {input.protocol}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_fig5:
    """Figure 5: object F1 against the share of image tokens seen."""
    input:
        effects=results("kaduri2025/attention/visible.csv"),
        tail=results("kaduri2025/attention/tail.csv"),
    output:
        pdf=results("kaduri2025/fig5.pdf"),
        png=report(
            results("kaduri2025/fig5.png"),
            caption="../report/kaduri2025_fig5.rst",
            category="kaduri2025",
            labels={"item": "Figure 5"},
        ),
        csv=results("kaduri2025/fig5.csv"),
    log:
        logs("kaduri2025/fig5"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.effects, parent=True),
        models=study("kaduri2025").get("models", []),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.attention.visible_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.visible_figure --effects {params.folder}"
        " --models {params.models}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_figS4:
    """Object F1 by the way tokens are chosen."""
    input:
        effects=results("kaduri2025/attention/visible.csv"),
    output:
        pdf=results("kaduri2025/figS4.pdf"),
        png=report(
            results("kaduri2025/figS4.png"),
            caption="../report/kaduri2025_figS4.rst",
            category="kaduri2025",
            labels={"item": "Ways to choose tokens"},
        ),
        csv=results("kaduri2025/figS4.csv"),
    log:
        logs("kaduri2025/figS4"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.effects, parent=True),
        models=study("kaduri2025").get("models", []),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.attention.visible_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.visible_figure --effects {params.folder}"
        " --models {params.models} --kind selections"
        " --out {params.stem} 2> {log}"


rule kaduri2025_fig6:
    """Figure 6: maps of the tokens that name an object; and the descriptions behind them."""
    input:
        attention=kaduri2025_attention_tables(kaduri2025_first_model()),
        knockout=results(
            f"kaduri2025/measurements/knockout/{kaduri2025_first_model()}.parquet"
        ),
    output:
        pdf=results("kaduri2025/fig6.pdf"),
        png=report(
            results("kaduri2025/fig6.png"),
            caption="../report/kaduri2025_fig6.rst",
            category="kaduri2025",
            labels={"item": "Figure 6"},
        ),
        csv=results("kaduri2025/fig6.csv"),
        texts=report(
            results("kaduri2025/textS2.md"),
            caption="../report/kaduri2025_textS2.rst",
            category="kaduri2025",
            labels={"item": "Descriptions behind Figure 6"},
        ),
    log:
        logs("kaduri2025/fig6"),
    conda:
        "../../envs/plot.yaml"
    params:
        attention=lambda wildcards, input: Path(input.attention[0]).parent,
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.attention.phrases_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.phrases_figure --attention {params.attention}"
        " --knockout {input.knockout}"
        " --out {params.stem} --texts {output.texts} 2> {log}"


rule kaduri2025_fig7:
    """Figure 7: how often the attention peak falls on the object."""
    input:
        effects=results("kaduri2025/attention/localisation.csv"),
        published=library_file("studies/kaduri2025/published.csv"),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "middle"),
    output:
        pdf=results("kaduri2025/fig7.pdf"),
        png=report(
            results("kaduri2025/fig7.png"),
            caption="../report/kaduri2025_fig7.rst",
            category="kaduri2025",
            labels={"item": "Figure 7"},
        ),
        csv=results("kaduri2025/fig7.csv"),
    log:
        logs("kaduri2025/fig7"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.effects, parent=True),
        models=study("kaduri2025").get("models", []),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.attention.localisation_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.localisation_figure --effects {params.folder}"
        " --models {params.models} --protocol {input.protocol}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_figS5:
    """Further pictures with maps, and descriptions with the image hidden."""
    input:
        attention=[
            file
            for model in study("kaduri2025").get("models", [])
            for file in kaduri2025_attention_tables(model)
        ],
        knockout=rules.summarise_attention.input.knockout,
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "middle"),
    output:
        pdf=results("kaduri2025/figS5.pdf"),
        png=report(
            results("kaduri2025/figS5.png"),
            caption="../report/kaduri2025_figS5.rst",
            category="kaduri2025",
            labels={"item": "Further examples"},
        ),
        csv=results("kaduri2025/figS5.csv"),
    log:
        logs("kaduri2025/figS5"),
    conda:
        "../../envs/plot.yaml"
    params:
        folders=kaduri2025_attention_folders(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.attention.gallery_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.attention.gallery_figure --attention {params.folders}"
        " --knockout {input.knockout} --protocol {input.protocol}"
        " --out {params.stem} 2> {log}"
