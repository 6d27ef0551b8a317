"""Kaduri et al. 2025: hide the image and see which objects a description still names."""


rule describe_without_image:
    """Describe every image with the image hidden from query, generated tokens or both (kaduri2025, Fig. 2)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(kaduri2025_split()),
        protocol=ancient(results("settings/kaduri2025.json")),
        images=rules.draw_images.output,
        identity=results("settings/identities/{model}.json"),
        part=settings_part(
            "kaduri2025",
            "question",
            "second_question",
            "max_new_tokens",
            "middle",
            "knockout",
        ),
    output:
        sharded("kaduri2025/descriptions/{model}.parquet"),
    log:
        logs(by_shard("kaduri2025/descriptions/{model}")),
    benchmark:
        benchmarks(by_shard("kaduri2025/descriptions/{model}"))
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        shard=shard_option,
        code=code("sightline.studies.kaduri2025.knockout.describe"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.describe --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --split {params.split} --images {input.images}"
        " --protocol {input.protocol} {params.shard} --out {output} 2> {log}"


rule judge_descriptions:
    """Hold every description against the unmodified one of its image, and another image's beside."""
    input:
        descriptions=results("kaduri2025/descriptions/{model}.parquet"),
        dataset=coco_files(kaduri2025_split()),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "judge", "random_draws"),
    output:
        results("kaduri2025/measurements/knockout/{model}.parquet"),
    log:
        logs("kaduri2025/judge_descriptions/{model}"),
    conda:
        "../../envs/torch.yaml"
    resources:
        **judge_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        # A language model's answers outlive the job: a second run repeats them without asking.
        record=lambda wildcards: results(
            f"kaduri2025/answers/judge_{wildcards.model}.jsonl"
        ),
        code=code("sightline.studies.kaduri2025.knockout.judge"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.judge"
        " --descriptions {input.descriptions} --dataset {params.root} --split {params.split}"
        " --protocol {input.protocol} --record {params.record} --out {output} 2> {log}"


rule summarise_hidden_image:
    """Mean object F1 of every knockout in every set of layers, with intervals."""
    input:
        expand(
            results("kaduri2025/measurements/knockout/{model}.parquet"),
            model=study("kaduri2025").get("models", []),
        ),
    output:
        results("kaduri2025/knockout_effects.csv"),
    log:
        logs("kaduri2025/knockout_effects"),
    conda:
        "../../envs/core.yaml"
    params:
        seed=config["seed"],
        draws=study("kaduri2025").get("bootstrap", 0),
        code=code("sightline.studies.kaduri2025.knockout.effects"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.effects --measurements {input}"
        " --out {output} --seed {params.seed} --draws {params.draws} 2> {log}"


rule contrast_hidden_image:
    """The single numbers that the knockout claims rest on: floor, ceiling, windows, rise."""
    input:
        rules.summarise_hidden_image.input,
    output:
        results("kaduri2025/knockout_contrasts.csv"),
    log:
        logs("kaduri2025/knockout_contrasts"),
    conda:
        "../../envs/core.yaml"
    params:
        seed=config["seed"],
        draws=study("kaduri2025").get("bootstrap", 0),
        code=code("sightline.studies.kaduri2025.knockout.contrasts"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.contrasts --measurements {input}"
        " --out {output} --seed {params.seed} --draws {params.draws} 2> {log}"


rule judge_kaduri2025_knockout:
    """Scorecard rows of the claims that rest on the knockout."""
    input:
        contrasts=rules.contrast_hidden_image.output,
        published=library_file("studies/kaduri2025/published.csv"),
    output:
        results("kaduri2025/claims/knockout.csv"),
    log:
        logs("kaduri2025/claims_knockout"),
    conda:
        "../../envs/core.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        dataset=dataset_label("coco"),
        code=code("sightline.studies.kaduri2025.knockout.claims"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.claims --contrasts {input.contrasts}"
        " --models {params.models} --dataset-name {params.dataset:q} --out {output} 2> {log}"


rule kaduri2025_fig2a:
    """Figure 2 (a) to (d): the three knockouts on one prompt of the run, with what is said under them."""
    input:
        page=results(
            f"kaduri2025/explorer_tables/{kaduri2025_first_model()}/images.parquet"
        ),
        tables=expand(
            results("kaduri2025/explorer_tables/{model}/{table}.parquet"),
            model=kaduri2025_first_model(),
            table=("tokens", "shares"),
        ),
        measurements=results(
            f"kaduri2025/measurements/knockout/{kaduri2025_first_model()}.parquet"
        ),
    output:
        pdf=results("kaduri2025/fig2a.pdf"),
        png=report(
            results("kaduri2025/fig2a.png"),
            caption="../report/kaduri2025_fig2a.rst",
            category="kaduri2025",
            labels={"item": "Figure 2 a to d"},
        ),
        csv=results("kaduri2025/fig2a.csv"),
    log:
        logs("kaduri2025/fig2a"),
    conda:
        "../../envs/plot.yaml"
    params:
        model=kaduri2025_first_model(),
        page=subpath(input.page, parent=True),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.diagram"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.diagram --page {params.page}"
        " --measurements {input.measurements} --model {params.model} --out {params.stem} 2> {log}"


rule kaduri2025_fig2e:
    """Figure 2 (e): object F1 with the image hidden in all, and in all but the middle layers."""
    input:
        effects=rules.summarise_hidden_image.output,
        published=library_file("studies/kaduri2025/published.csv"),
    output:
        pdf=results("kaduri2025/fig2e.pdf"),
        png=report(
            results("kaduri2025/fig2e.png"),
            caption="../report/kaduri2025_fig2e.rst",
            category="kaduri2025",
            labels={"item": "Figure 2 e"},
        ),
        csv=results("kaduri2025/fig2e.csv"),
    log:
        logs("kaduri2025/fig2e"),
    conda:
        "../../envs/plot.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        model=kaduri2025_first_model(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.bars_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.bars_figure --effects {input.effects}"
        " --models {params.models} --model {params.model} --out {params.stem} 2> {log}"


rule kaduri2025_fig2f:
    """Figure 2 (f): object F1 against the layer after which the image is hidden."""
    input:
        effects=rules.summarise_hidden_image.output,
        published=library_file("studies/kaduri2025/published.csv"),
    output:
        pdf=results("kaduri2025/fig2f.pdf"),
        png=report(
            results("kaduri2025/fig2f.png"),
            caption="../report/kaduri2025_fig2f.rst",
            category="kaduri2025",
            labels={"item": "Figure 2 f"},
        ),
        csv=results("kaduri2025/fig2f.csv"),
    log:
        logs("kaduri2025/fig2f"),
    conda:
        "../../envs/plot.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        model=kaduri2025_first_model(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.curve_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.curve_figure --effects {input.effects}"
        " --models {params.models} --model {params.model} --out {params.stem} 2> {log}"


rule kaduri2025_figS1e:
    """Figure 2 (e) for the second model."""
    input:
        effects=rules.summarise_hidden_image.output,
        published=library_file("studies/kaduri2025/published.csv"),
    output:
        pdf=results("kaduri2025/figS1e.pdf"),
        png=report(
            results("kaduri2025/figS1e.png"),
            caption="../report/kaduri2025_fig2e.rst",
            category="kaduri2025",
            labels={"item": "Figure 2 e, second model"},
        ),
        csv=results("kaduri2025/figS1e.csv"),
    log:
        logs("kaduri2025/figS1e"),
    conda:
        "../../envs/plot.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        model=kaduri2025_second_model(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.bars_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.bars_figure --effects {input.effects}"
        " --models {params.models} --model {params.model} --out {params.stem} 2> {log}"


rule kaduri2025_figS1f:
    """Figure 2 (f) for the second model."""
    input:
        effects=rules.summarise_hidden_image.output,
        published=library_file("studies/kaduri2025/published.csv"),
    output:
        pdf=results("kaduri2025/figS1f.pdf"),
        png=report(
            results("kaduri2025/figS1f.png"),
            caption="../report/kaduri2025_fig2f.rst",
            category="kaduri2025",
            labels={"item": "Figure 2 f, second model"},
        ),
        csv=results("kaduri2025/figS1f.csv"),
    log:
        logs("kaduri2025/figS1f"),
    conda:
        "../../envs/plot.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        model=kaduri2025_second_model(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.curve_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.curve_figure --effects {input.effects}"
        " --models {params.models} --model {params.model} --out {params.stem} 2> {log}"


rule kaduri2025_figS3:
    """Object F1 against the layer up to which the image is hidden."""
    input:
        effects=rules.summarise_hidden_image.output,
        published=library_file("studies/kaduri2025/published.csv"),
    output:
        pdf=results("kaduri2025/figS3.pdf"),
        png=report(
            results("kaduri2025/figS3.png"),
            caption="../report/kaduri2025_figS3.rst",
            category="kaduri2025",
            labels={"item": "Knockout up to a layer"},
        ),
        csv=results("kaduri2025/figS3.csv"),
    log:
        logs("kaduri2025/figS3"),
    conda:
        "../../envs/plot.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.curve_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.curve_figure --effects {input.effects}"
        " --models {params.models} --family 'up to' --out {params.stem} 2> {log}"


rule kaduri2025_windows:
    """Object F1 with the image open in one window of layers, at every place."""
    input:
        rules.summarise_hidden_image.output,
    output:
        pdf=results("kaduri2025/windows.pdf"),
        png=report(
            results("kaduri2025/windows.png"),
            caption="../report/kaduri2025_windows.rst",
            category="kaduri2025",
            labels={"item": "Open window at every place"},
        ),
        csv=results("kaduri2025/windows.csv"),
    log:
        logs("kaduri2025/windows"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.windows_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.windows_figure --effects {input}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_gist:
    """Gist and details that survive each knockout, in two wordings."""
    input:
        rules.summarise_hidden_image.output,
    output:
        pdf=results("kaduri2025/gist.pdf"),
        png=report(
            results("kaduri2025/gist.png"),
            caption="../report/kaduri2025_gist.rst",
            category="kaduri2025",
            labels={"item": "Gist and details"},
        ),
        csv=results("kaduri2025/gist.csv"),
    log:
        logs("kaduri2025/gist"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.gist_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.gist_figure --effects {input}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_page1:
    """One picture described without and with each knockout."""
    input:
        measurements=results(
            f"kaduri2025/measurements/knockout/{kaduri2025_first_model()}.parquet"
        ),
        dataset=coco_files(kaduri2025_split()),
    output:
        pdf=results("kaduri2025/page1.pdf"),
        png=report(
            results("kaduri2025/page1.png"),
            caption="../report/kaduri2025_page1.rst",
            category="kaduri2025",
            labels={"item": "Project page, knockouts"},
        ),
        csv=results("kaduri2025/page1.csv"),
    log:
        logs("kaduri2025/page1"),
    conda:
        "../../envs/plot.yaml"
    params:
        model=kaduri2025_first_model(),
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.knockout.example_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.knockout.example_figure --model {params.model}"
        " --measurements {input.measurements} --dataset {params.root} --split {params.split}"
        " --out {params.stem} 2> {log}"
