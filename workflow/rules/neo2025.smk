"""Neo et al. 2025: replace subsets of image tokens by the mean token and see which answers are lost."""


include: "neo2025_common.smk"


localrules:
    neo2025,
    list_neo2025_items,
    write_neo2025_protocol,


rule write_neo2025_protocol:
    """Settings of the study as a file: jobs depend on its content."""
    output:
        results("settings/neo2025.json"),
    log:
        logs("settings/neo2025"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(neo2025_protocol()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule compute_mean_token:
    """Mean image token of the reference images (neo2025, section 3.1)."""
    input:
        spec=rules.cache_image_tokens.output.spec,
        index=rules.cache_image_tokens.output.index,
    output:
        token=results("neo2025/mean_token/computed/{model}.safetensors"),
        about=results("neo2025/mean_token/computed/{model}.json"),
    log:
        logs("neo2025/mean_token/{model}"),
    priority: LONGEST_CHAIN
    conda:
        "../../envs/torch.yaml"
    params:
        cache=subpath(input.spec, parent=True),
        code=code("sightline.instruments.mean_token"),
    shell:
        "python -m sightline.instruments.mean_token --cache {params.cache} --out {output.token} 2> {log}"


rule adopt_mean_token:
    """Mean image token that the authors published."""
    input:
        vector=published_vector,
    output:
        token=results("neo2025/mean_token/published/{model}.safetensors"),
        about=results("neo2025/mean_token/published/{model}.json"),
    log:
        logs("neo2025/mean_token/published_{model}"),
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("sightline.instruments.published_mean"),
    shell:
        "python -m sightline.instruments.published_mean --vector {input.vector}"
        " --out {output.token} 2> {log}"


rule neo2025_mean_tokens:
    """Mean tokens of this run's images beside those of the authors."""
    input:
        tokens=mean_tokens(),
        published=library_file("studies/neo2025/published.csv"),
    output:
        csv=report(
            results("neo2025/mean_tokens.csv"),
            caption="../report/neo2025_mean_tokens.rst",
            category="neo2025",
            labels={"item": "Mean image token"},
        ),
        md=results("neo2025/mean_tokens.md"),
        tex=results("neo2025/mean_tokens.tex"),
    log:
        logs("neo2025/mean_tokens"),
    conda:
        "../../envs/torch.yaml"
    params:
        models=study("neo2025").get("models", []),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.neo2025.mean_tokens"),
    shell:
        "python -m sightline.studies.neo2025.mean_tokens --tokens {input.tokens}"
        " --models {params.models} --out {params.stem} 2> {log}"


rule select_objects:
    """Keep the images whose object a model names only while it sees it (neo2025, section 2.2)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(neo2025_split()),
        protocol=ancient(results("settings/neo2025.json")),
        part=neo2025_measured(),
        identity=results("settings/identities/{model}.json"),
    output:
        results("neo2025/measurements/selection/{model}.parquet"),
    log:
        logs("neo2025/selection/{model}"),
    benchmark:
        benchmarks("neo2025/selection/{model}")
    priority: LONGEST_CHAIN
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=neo2025_split(),
        code=code("sightline.studies.neo2025.selection"),
    shell:
        "python -m sightline.studies.neo2025.selection --model {input.model}"
        " --batch-size {resources.batch_size} --dataset {params.root}"
        " --split {params.split} --protocol {input.protocol} --out {output} 2> {log}"


rule write_questions:
    """Questions whose only answer is the object, made from annotations or the authors' own."""
    input:
        dataset=coco_files(neo2025_split()),
        protocol=ancient(results("settings/neo2025.json")),
        part=neo2025_measured(),
        written=neo2025_protocol().get("vqa_set", {}).get("file", []),
    output:
        results("neo2025/questions.parquet"),
    log:
        logs("neo2025/questions"),
    conda:
        "../../envs/core.yaml"
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=neo2025_split(),
        code=code("sightline.studies.neo2025.questions"),
    shell:
        "python -m sightline.studies.neo2025.questions --dataset {params.root}"
        " --split {params.split} --protocol {input.protocol} --out {output} 2> {log}"


rule ablate_tokens:
    """Ask every question with subsets of image tokens replaced by the mean token (neo2025, Table 1)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(neo2025_split()),
        protocol=ancient(results("settings/neo2025.json")),
        part=neo2025_measured(),
        selection=results("neo2025/measurements/selection/{model}.parquet"),
        questions=results("neo2025/questions.parquet"),
        mean=mean_token,
        identity=results("settings/identities/{model}.json"),
    output:
        sharded("neo2025/measurements/ablation/{model}.parquet"),
    log:
        logs(by_shard("neo2025/ablation/{model}")),
    benchmark:
        benchmarks(by_shard("neo2025/ablation/{model}"))
    priority: LONGEST_CHAIN
    conda:
        "../../envs/torch.yaml"
    threads: half_of_the_cores
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=neo2025_split(),
        shard=shard_option,
        code=code("sightline.studies.neo2025.ablation"),
    shell:
        "python -m sightline.studies.neo2025.ablation --model {input.model}"
        " --batch-size {resources.batch_size} --dataset {params.root}"
        " --split {params.split} --selection {input.selection} --questions {input.questions}"
        " --mean {input.mean} --protocol {input.protocol} --processes {threads}"
        " {params.shard} --out {output} 2> {log}"


rule summarise_ablation:
    """Answers lost per model, setting and subset, with intervals and paired comparisons."""
    input:
        expand(
            results("neo2025/measurements/ablation/{model}.parquet"),
            model=study("neo2025").get("models", []),
        ),
    output:
        effects=results("neo2025/effects.csv"),
        comparisons=results("neo2025/comparisons.csv"),
    log:
        logs("neo2025/effects"),
    conda:
        "../../envs/core.yaml"
    params:
        seed=config["seed"],
        draws=study("neo2025").get("bootstrap", 0),
        code=code("sightline.studies.neo2025.effects"),
    shell:
        "python -m sightline.studies.neo2025.effects --measurements {input} --out {output.effects}"
        " --comparisons {output.comparisons} --seed {params.seed} --draws {params.draws} 2> {log}"


rule neo2025_tab1:
    """Table 1: answers lost when token subsets become the mean token, measured beside published."""
    input:
        effects=rules.summarise_ablation.output.effects,
        published=library_file("studies/neo2025/published.csv"),
    output:
        csv=report(
            results("neo2025/tab1.csv"),
            caption="../report/neo2025_tab1.rst",
            category="neo2025",
            labels={"item": "Table 1"},
        ),
        md=results("neo2025/tab1.md"),
        tex=results("neo2025/tab1.tex"),
    log:
        logs("neo2025/tab1"),
    conda:
        "../../envs/core.yaml"
    params:
        models=study("neo2025").get("models", []),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.neo2025.tab1"),
    shell:
        "python -m sightline.studies.neo2025.tab1 --effects {input.effects}"
        " --models {params.models} --out {params.stem} 2> {log}"


rule neo2025_tab1_bars:
    """Table 1 as bars, published values beside."""
    input:
        effects=rules.summarise_ablation.output.effects,
        published=library_file("studies/neo2025/published.csv"),
    output:
        pdf=results("neo2025/tab1_bars.pdf"),
        png=report(
            results("neo2025/tab1_bars.png"),
            caption="../report/neo2025_tab1_bars.rst",
            category="neo2025",
            labels={"item": "Table 1 as bars"},
        ),
        csv=results("neo2025/tab1_bars.csv"),
    log:
        logs("neo2025/tab1_bars"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.figures"),
    shell:
        "python -m sightline.studies.neo2025.figures --effects {input.effects}"
        " --figure tab1_bars --out {params.stem} 2> {log}"


rule neo2025_extra1:
    """Answers lost against the number of replaced tokens."""
    input:
        effects=rules.summarise_ablation.output.effects,
        published=library_file("studies/neo2025/published.csv"),
    output:
        pdf=results("neo2025/extra1.pdf"),
        png=report(
            results("neo2025/extra1.png"),
            caption="../report/neo2025_extra1.rst",
            category="neo2025",
            labels={"item": "Ablation at other token counts"},
        ),
        csv=results("neo2025/extra1.csv"),
    log:
        logs("neo2025/extra1"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.figures"),
    shell:
        "python -m sightline.studies.neo2025.figures --effects {input.effects}"
        " --figure extra1 --out {params.stem} 2> {log}"


rule judge_neo2025_claims:
    """The study's rows of the scorecard."""
    input:
        effects=rules.summarise_ablation.output.effects,
        measurements=rules.summarise_ablation.input,
        protocol=results("settings/neo2025.json"),
        published=library_file("studies/neo2025/published.csv"),
        # Parts of the study that judge their own claims.
        parts=[
            results("neo2025/claims/lens.csv"),
            results("neo2025/claims/knockout.csv"),
        ],
    output:
        results("neo2025/claims.csv"),
    log:
        logs("neo2025/claims"),
    conda:
        "../../envs/core.yaml"
    params:
        dataset=dataset_label("coco"),
        code=code("sightline.studies.neo2025.claims"),
    shell:
        "python -m sightline.studies.neo2025.claims --effects {input.effects}"
        " --measurements {input.measurements} --protocol {input.protocol}"
        " --dataset-name {params.dataset:q} --parts {input.parts} --out {output} 2> {log}"


rule list_neo2025_items:
    """Every figure and table of the study: produced on this run, or why not."""
    input:
        # The list asks whether items exist, not what is in them: rebuilding one leaves it alone.
        ancient(rules.neo2025_mean_tokens.output.tex),
        ancient(rules.neo2025_tab1.output.tex),
        ancient(rules.neo2025_tab1_bars.output.png),
        ancient(rules.neo2025_extra1.output.png),
        ancient(results("neo2025/tab2.tex")),
        ancient(results("neo2025/knockout_curve.png")),
        ancient(results("neo2025/object_size.png")),
        [ancient(file) for file in neo2025_second_model()],
        [ancient(file) for file in neo2025_lens_items()],
        listed=library_file("studies/neo2025/items.csv"),
    output:
        results("neo2025/items.csv"),
    log:
        logs("neo2025/items"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(output[0], parent=True),
        code=code("sightline.report.items"),
    shell:
        "python -m sightline.report.items --study neo2025 --folder {params.folder}"
        " --out {output} 2> {log}"


rule neo2025:
    """Where in the image tokens an object lives (arXiv 2410.07149)."""
    input:
        study_targets("neo2025"),


include: "neo2025_knockout.smk"
include: "neo2025_lens.smk"
include: "neo2025_lens_items.smk"
include: "neo2025_diagrams.smk"
