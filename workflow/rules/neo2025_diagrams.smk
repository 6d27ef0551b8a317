"""Neo et al. 2025: its two diagrams, drawn from what the first model did."""


rule neo2025_fig1:
    """Figure 1: from an image of the run to words, and the three findings as measured."""
    input:
        page=results(f"neo2025/lens_page/{first_model()}/images.parquet"),
        tables=expand(
            results("neo2025/lens_page/{model}/{table}.parquet"),
            model=first_model(),
            table=("words", "objects", "answer"),
        ),
        words=results(f"neo2025/lens/{first_model()}/words.json"),
        effects=rules.summarise_ablation.output.effects,
        curves=rules.summarise_lens.output.curves,
        knockout=rules.summarise_knockout.output.effects,
    output:
        pdf=results("neo2025/fig1.pdf"),
        png=report(
            results("neo2025/fig1.png"),
            caption="../report/neo2025_fig1.rst",
            category="neo2025",
            labels={"item": "Figure 1"},
        ),
        csv=results("neo2025/fig1.csv"),
    log:
        logs("neo2025/fig1"),
    conda:
        "../../envs/plot.yaml"
    params:
        model=first_model(),
        page=subpath(input.page, parent=True),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.diagrams.overview_figure"),
    shell:
        "python -m sightline.studies.neo2025.diagrams.overview_figure --page {params.page}"
        " --words {input.words} --effects {input.effects} --curves {input.curves}"
        " --knockout {input.knockout} --model {params.model} --out {params.stem} 2> {log}"


rule collect_ablation_example:
    """One image of the ablation with the tokens that were replaced in it."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(neo2025_split()),
        protocol=ancient(results("settings/neo2025.json")),
        part=neo2025_measured(),
        selection=results("neo2025/measurements/selection/{model}.parquet"),
        questions=results("neo2025/questions.parquet"),
        measurements=results("neo2025/measurements/ablation/{model}.parquet"),
        mean=mean_token,
        identity=results("settings/identities/{model}.json"),
    output:
        results("neo2025/example/{model}.parquet"),
    log:
        logs("neo2025/example/{model}"),
    benchmark:
        benchmarks("neo2025/example/{model}")
    conda:
        "../../envs/torch.yaml"
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=neo2025_split(),
        code=code("sightline.studies.neo2025.diagrams.example"),
    shell:
        "python -m sightline.studies.neo2025.diagrams.example --model {input.model}"
        " --batch-size {resources.batch_size} --dataset {params.root} --split {params.split}"
        " --selection {input.selection} --questions {input.questions}"
        " --measurements {input.measurements} --mean {input.mean} --protocol {input.protocol}"
        " --out {output} 2> {log}"


rule neo2025_fig2:
    """Figure 2: the ablation in three steps, on one image with its tokens and answers."""
    input:
        example=results(f"neo2025/example/{first_model()}.parquet"),
        measurements=results(f"neo2025/measurements/ablation/{first_model()}.parquet"),
    output:
        pdf=results("neo2025/fig2.pdf"),
        png=report(
            results("neo2025/fig2.png"),
            caption="../report/neo2025_fig2.rst",
            category="neo2025",
            labels={"item": "Figure 2"},
        ),
        csv=results("neo2025/fig2.csv"),
    log:
        logs("neo2025/fig2"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.diagrams.ablation_figure"),
    shell:
        "python -m sightline.studies.neo2025.diagrams.ablation_figure --example {input.example}"
        " --measurements {input.measurements} --out {params.stem} 2> {log}"
