"""Kaduri et al. 2025: yes/no questions put to an image, and to what is kept of it."""


rule generate_mme:
    """Yes/no pairs about scenes of the embedded world, in the layout of MME."""
    output:
        results("data/mme/mme.csv"),
    log:
        logs("data/generate_mme"),
    benchmark:
        benchmarks("data/generate_mme")
    conda:
        "../../envs/torch.yaml"
    params:
        images=config["datasets"].get("mme", {}).get("images", 0),
        seed=config["datasets"].get("mme", {}).get("seed", 0),
        root=subpath(output[0], parent=True),
        code=code("sightline.demo.write_questions"),
    shell:
        "python -m sightline.demo.write_questions --dataset mme --images {params.images}"
        " --seed {params.seed} --out {params.root} 2> {log}"


rule generate_pope:
    """Questions about objects that are not there, in the layout of POPE."""
    output:
        results("data/pope/pope.csv"),
    log:
        logs("data/generate_pope"),
    benchmark:
        benchmarks("data/generate_pope")
    conda:
        "../../envs/torch.yaml"
    params:
        images=config["datasets"].get("pope", {}).get("images", 0),
        seed=config["datasets"].get("pope", {}).get("seed", 0),
        root=subpath(output[0], parent=True),
        code=code("sightline.demo.write_questions"),
    shell:
        "python -m sightline.demo.write_questions --dataset pope --images {params.images}"
        " --seed {params.seed} --out {params.root} 2> {log}"


rule answer_again:
    """Answer yes/no questions with the image, with what is kept of it, and without (kaduri2025, Table 1)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        sets=kaduri2025_question_files(),
        pictures=kaduri2025_pope_pictures(),
        protocol=ancient(results("settings/kaduri2025.json")),
        identity=results("settings/identities/{model}.json"),
        part=settings_part("kaduri2025", "mme", "judge", "question", "max_new_tokens"),
    output:
        results("kaduri2025/measurements/reprompt/{model}.parquet"),
    log:
        logs("kaduri2025/reprompt/{model}"),
    benchmark:
        benchmarks("kaduri2025/reprompt/{model}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
    params:
        sets=kaduri2025_question_folders(),
        # A language model's answers outlive the job: a second run repeats them without asking.
        record=lambda wildcards: results(f"kaduri2025/answers/{wildcards.model}.jsonl"),
        code=code("sightline.studies.kaduri2025.reprompt.measure"),
    shell:
        "python -m sightline.studies.kaduri2025.reprompt.measure --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --protocol {input.protocol} {params.sets} --record {params.record} --out {output} 2> {log}"


rule prune_image_tokens:
    """Answer with image tokens pruned for each question, as FastV does (kaduri2025, Table S3)."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        sets=kaduri2025_question_files(),
        protocol=ancient(results("settings/kaduri2025.json")),
        identity=results("settings/identities/{model}.json"),
        part=settings_part("kaduri2025", "mme"),
    output:
        results("kaduri2025/measurements/pruning/{model}.parquet"),
    log:
        logs("kaduri2025/pruning/{model}"),
    benchmark:
        benchmarks("kaduri2025/pruning/{model}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
    params:
        root=lambda wildcards: kaduri2025_mme_root(),
        code=code("sightline.studies.kaduri2025.reprompt.prune"),
    shell:
        "python -m sightline.studies.kaduri2025.reprompt.prune --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --protocol {input.protocol} --mme {params.root} --out {output} 2> {log}"


rule summarise_reprompting:
    """ACC and ACC+ per model, subtask and method, and the comparisons that the claims rest on."""
    input:
        answers=expand(
            results("kaduri2025/measurements/reprompt/{model}.parquet"),
            model=study("kaduri2025").get("models", []),
        ),
        pruned=expand(
            results("kaduri2025/measurements/pruning/{model}.parquet"),
            model=study("kaduri2025").get("models", []),
        ),
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "mme", "bootstrap"),
    output:
        effects=results("kaduri2025/reprompt_effects.csv"),
        comparisons=results("kaduri2025/reprompt_comparisons.csv"),
        pruning=results("kaduri2025/pruning_effects.csv"),
    log:
        logs("kaduri2025/reprompt_effects"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.studies.kaduri2025.reprompt.effects"),
    shell:
        "python -m sightline.studies.kaduri2025.reprompt.effects --answers {input.answers}"
        " --pruned {input.pruned} --protocol {input.protocol} --out {output.effects}"
        " --comparisons {output.comparisons} --pruning {output.pruning} 2> {log}"


rule kaduri2025_tab1:
    """Table 1: accuracy over compressed contexts, measured beside published."""
    input:
        effects=rules.summarise_reprompting.output.effects,
        protocol=ancient(results("settings/kaduri2025.json")),
        published=library_file("studies/kaduri2025/published.csv"),
        part=settings_part("kaduri2025", "mme", "judge"),
    output:
        csv=report(
            results("kaduri2025/tab1.csv"),
            caption="../report/kaduri2025_tab1.rst",
            category="kaduri2025",
            labels={"item": "Table 1"},
        ),
        md=results("kaduri2025/tab1.md"),
        tex=results("kaduri2025/tab1.tex"),
    log:
        logs("kaduri2025/tab1"),
    conda:
        "../../envs/core.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        model=kaduri2025_first_model(),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.kaduri2025.reprompt.tab1"),
    shell:
        "python -m sightline.studies.kaduri2025.reprompt.tab1 --effects {input.effects}"
        " --protocol {input.protocol} --models {params.models} --model {params.model}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_tabS1:
    """Table S1: the same for the second model."""
    input:
        effects=rules.summarise_reprompting.output.effects,
        protocol=ancient(results("settings/kaduri2025.json")),
        published=library_file("studies/kaduri2025/published.csv"),
        part=settings_part("kaduri2025", "mme", "judge"),
    output:
        csv=report(
            results("kaduri2025/tabS1.csv"),
            caption="../report/kaduri2025_tabS1.rst",
            category="kaduri2025",
            labels={"item": "Table S1"},
        ),
        md=results("kaduri2025/tabS1.md"),
        tex=results("kaduri2025/tabS1.tex"),
    log:
        logs("kaduri2025/tabS1"),
    conda:
        "../../envs/core.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        model=kaduri2025_second_model(),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.kaduri2025.reprompt.tab1"),
    shell:
        "python -m sightline.studies.kaduri2025.reprompt.tab1 --effects {input.effects}"
        " --protocol {input.protocol} --models {params.models} --model {params.model}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_tabS3:
    """Table S3: pruning for each question beside a context chosen once."""
    input:
        effects=rules.summarise_reprompting.output.pruning,
        protocol=ancient(results("settings/kaduri2025.json")),
        part=settings_part("kaduri2025", "mme"),
    output:
        csv=report(
            results("kaduri2025/tabS3.csv"),
            caption="../report/kaduri2025_tabS3.rst",
            category="kaduri2025",
            labels={"item": "Table S3"},
        ),
        md=results("kaduri2025/tabS3.md"),
        tex=results("kaduri2025/tabS3.tex"),
    log:
        logs("kaduri2025/tabS3"),
    conda:
        "../../envs/core.yaml"
    params:
        models=study("kaduri2025").get("models", []),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.kaduri2025.reprompt.tab_s3"),
    shell:
        "python -m sightline.studies.kaduri2025.reprompt.tab_s3 --effects {input.effects}"
        " --protocol {input.protocol} --models {params.models} --out {params.stem} 2> {log}"


rule kaduri2025_fig8:
    """Figure 8: how questions are answered from a compressed context, with tokens and answers of the run."""
    input:
        page=results(
            f"kaduri2025/explorer_tables/{kaduri2025_first_model()}/images.parquet"
        ),
        tables=expand(
            results("kaduri2025/explorer_tables/{model}/{table}.parquet"),
            model=kaduri2025_first_model(),
            table=("tokens", "maps"),
        ),
        answers=results(
            f"kaduri2025/measurements/reprompt/{kaduri2025_first_model()}.parquet"
        ),
        sets=kaduri2025_question_files(),
    output:
        pdf=results("kaduri2025/fig8.pdf"),
        png=report(
            results("kaduri2025/fig8.png"),
            caption="../report/kaduri2025_fig8.rst",
            category="kaduri2025",
            labels={"item": "Figure 8"},
        ),
        csv=results("kaduri2025/fig8.csv"),
    log:
        logs("kaduri2025/fig8"),
    conda:
        "../../envs/plot.yaml"
    params:
        page=subpath(input.page, parent=True),
        root=lambda wildcards: kaduri2025_mme_root(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.reprompt.scheme"),
    shell:
        "python -m sightline.studies.kaduri2025.reprompt.scheme --page {params.page}"
        " --answers {input.answers} --mme {params.root} --out {params.stem} 2> {log}"


rule judge_kaduri2025_reprompting:
    """Scorecard rows of the claims about compressed contexts; without yes/no pairs they say what is needed."""
    input:
        **kaduri2025_reprompt_tables(),
        protocol=ancient(results("settings/kaduri2025.json")),
        published=library_file("studies/kaduri2025/published.csv"),
        part=settings_part("kaduri2025", "mme"),
    output:
        results("kaduri2025/claims/reprompt.csv"),
    log:
        logs("kaduri2025/claims_reprompt"),
    conda:
        "../../envs/core.yaml"
    params:
        measured=" ".join(
            f"--{name} {file}" for name, file in kaduri2025_reprompt_tables().items()
        ),
        models=study("kaduri2025").get("models", []),
        dataset=kaduri2025_question_label(),
        code=code("sightline.studies.kaduri2025.reprompt.claims"),
    shell:
        "python -m sightline.studies.kaduri2025.reprompt.claims {params.measured}"
        " --protocol {input.protocol} --models {params.models}"
        " --dataset-name {params.dataset:q} --out {output} 2> {log}"
