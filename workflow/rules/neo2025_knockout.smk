"""Neo et al. 2025: cut attention between token groups and see which answers are lost; what else Table 1 tells."""


rule block_attention:
    """Answer each question with attention cut between token groups (neo2025, Table 2)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(neo2025_split()),
        protocol=ancient(results("settings/neo2025.json")),
        part=neo2025_measured(),
        questions=results("neo2025/questions.parquet"),
        identity=results("settings/identities/{model}.json"),
    output:
        answers=sharded("neo2025/measurements/knockout/{model}.parquet"),
        accounted=sharded("neo2025/measurements/questions/{model}.parquet"),
    log:
        logs(by_shard("neo2025/knockout/{model}")),
    benchmark:
        benchmarks(by_shard("neo2025/knockout/{model}"))
    conda:
        "../../envs/torch.yaml"
    threads: half_of_the_cores
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=neo2025_split(),
        shard=shard_option,
        code=code("sightline.studies.neo2025.knockout.measure"),
    shell:
        "python -m sightline.studies.neo2025.knockout.measure --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --split {params.split} --questions {input.questions}"
        " --protocol {input.protocol} --processes {threads} --accounted {output.accounted}"
        " {params.shard} --out {output.answers} 2> {log}"


rule summarise_knockout:
    """Accuracy left per model, pair and window, with intervals and paired comparisons."""
    input:
        expand(
            results("neo2025/measurements/knockout/{model}.parquet"),
            model=study("neo2025").get("models", []),
        ),
    output:
        effects=results("neo2025/knockout_effects.csv"),
        comparisons=results("neo2025/knockout_comparisons.csv"),
    log:
        logs("neo2025/knockout_effects"),
    conda:
        "../../envs/core.yaml"
    params:
        seed=config["seed"],
        draws=study("neo2025").get("bootstrap", 0),
        code=code("sightline.studies.neo2025.knockout.effects"),
    shell:
        "python -m sightline.studies.neo2025.knockout.effects --measurements {input}"
        " --out {output.effects} --comparisons {output.comparisons} --seed {params.seed}"
        " --draws {params.draws} 2> {log}"


rule neo2025_tab2:
    """Table 2: accuracy left when attention is cut, measured beside published."""
    input:
        effects=rules.summarise_knockout.output.effects,
        published=library_file("studies/neo2025/published.csv"),
    output:
        csv=report(
            results("neo2025/tab2.csv"),
            caption="../report/neo2025_tab2.rst",
            category="neo2025",
            labels={"item": "Table 2"},
        ),
        md=results("neo2025/tab2.md"),
        tex=results("neo2025/tab2.tex"),
    log:
        logs("neo2025/tab2"),
    conda:
        "../../envs/core.yaml"
    params:
        models=study("neo2025").get("models", []),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.neo2025.knockout.tab2"),
    shell:
        "python -m sightline.studies.neo2025.knockout.tab2 --effects {input.effects}"
        " --models {params.models} --out {params.stem} 2> {log}"


rule neo2025_knockout_curve:
    """Accuracy left for every first layer of the window, random tokens beside."""
    input:
        effects=rules.summarise_knockout.output.effects,
        published=library_file("studies/neo2025/published.csv"),
    output:
        pdf=results("neo2025/knockout_curve.pdf"),
        png=report(
            results("neo2025/knockout_curve.png"),
            caption="../report/neo2025_knockout_curve.rst",
            category="neo2025",
            labels={"item": "Knockout in sliding windows"},
        ),
        csv=results("neo2025/knockout_curve.csv"),
    log:
        logs("neo2025/knockout_curve"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.knockout.curve_figure"),
    shell:
        "python -m sightline.studies.neo2025.knockout.curve_figure --effects {input.effects}"
        " --out {params.stem} 2> {log}"


rule judge_neo2025_knockout:
    """Scorecard rows of the claims that rest on the knockout, judged on the first model."""
    input:
        effects=rules.summarise_knockout.output.effects,
        comparisons=rules.summarise_knockout.output.comparisons,
        published=library_file("studies/neo2025/published.csv"),
    output:
        results("neo2025/claims/knockout.csv"),
    log:
        logs("neo2025/claims_knockout"),
    conda:
        "../../envs/core.yaml"
    params:
        model=first_model(),
        dataset=dataset_label("coco"),
        code=code("sightline.studies.neo2025.knockout.claims"),
    shell:
        "python -m sightline.studies.neo2025.knockout.claims --effects {input.effects}"
        " --comparisons {input.comparisons} --model {params.model}"
        " --dataset-name {params.dataset:q} --out {output} 2> {log}"


rule neo2025_extra2:
    """Table 1 for the second model."""
    input:
        effects=rules.summarise_ablation.output.effects,
        published=library_file("studies/neo2025/published.csv"),
    output:
        csv=report(
            results("neo2025/extra2.csv"),
            caption="../report/neo2025_extra2.rst",
            category="neo2025",
            labels={"item": "Table 1, second model"},
        ),
        md=results("neo2025/extra2.md"),
        tex=results("neo2025/extra2.tex"),
    log:
        logs("neo2025/extra2"),
    conda:
        "../../envs/core.yaml"
    params:
        models=study("neo2025").get("models", []),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.neo2025.extra2"),
    shell:
        "python -m sightline.studies.neo2025.extra2 --effects {input.effects}"
        " --models {params.models} --out {params.stem} 2> {log}"


rule summarise_object_size:
    """Answers lost under the ablation by the number of tokens the object covers."""
    input:
        rules.summarise_ablation.input,
    output:
        results("neo2025/object_size_effects.csv"),
    log:
        logs("neo2025/object_size_effects"),
    conda:
        "../../envs/core.yaml"
    params:
        seed=config["seed"],
        draws=study("neo2025").get("bootstrap", 0),
        code=code("sightline.studies.neo2025.object_size"),
    shell:
        "python -m sightline.studies.neo2025.object_size --measurements {input} --out {output}"
        " --seed {params.seed} --draws {params.draws} 2> {log}"


rule neo2025_object_size:
    """Answers lost against the size of the object."""
    input:
        rules.summarise_object_size.output,
    output:
        pdf=results("neo2025/object_size.pdf"),
        png=report(
            results("neo2025/object_size.png"),
            caption="../report/neo2025_object_size.rst",
            category="neo2025",
            labels={"item": "Ablation against object size"},
        ),
        csv=results("neo2025/object_size.csv"),
    log:
        logs("neo2025/object_size"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.object_size_figure"),
    shell:
        "python -m sightline.studies.neo2025.object_size_figure --sizes {input}"
        " --out {params.stem} 2> {log}"
