"""Models: their files, and the training and examination of the demo's own."""


localrules:
    fetch_model,
    train_demo_models,
    write_model_card,
    write_tiny_checkpoint,


# One encoder per objective. The trainer knows other caption rates and seeds as well, which config/encoders.yaml asks for.
DEMO_ENCODERS = (
    "classification-s0",
    "contrastive-0.5-s0",
    "captioning-0.5-s0",
    "distillation-s0",
)


rule fetch_model:
    """Fetch a checkpoint at the commit that the configuration names."""
    input:
        inventory=bundled("resources/models.csv"),
    output:
        shared("models/{model}.json"),
    log:
        shared("logs/models/{model}.log"),
    retries: 2
    conda:
        "../../envs/core.yaml"
    params:
        path=lambda wildcards: checkpoint(wildcards.model)["path"],
        revision=lambda wildcards: checkpoint(wildcards.model)["revision"],
        pickled=lambda wildcards: (
            "--pickled" if wildcards.model in pickled_checkpoints() else ""
        ),
        folder=subpath(output[0], strip_suffix=".json"),
    shell:
        "HF_HUB_OFFLINE=$SIGHTLINE_HUB_OFFLINE"
        " python -m sightline.models.fetch --inventory {input.inventory} --model {wildcards.model}"
        " --path {params.path} --revision {params.revision} {params.pickled} --out {params.folder}"
        " --manifest {output} 2> {log}"


rule write_tiny_checkpoint:
    """A random checkpoint of a few thousand weights in its official layout, for runs that test the workflow."""
    output:
        results("tiny/{model}.json"),
    log:
        logs("tiny/{model}"),
    wildcard_constraints:
        model=one_of(tiny_checkpoints()),
    conda:
        "../../envs/torch.yaml"
    params:
        kind=lambda wildcards: tiny_checkpoints()[wildcards.model],
        seed=config["seed"],
        folder=subpath(output[0], strip_suffix=".json"),
        code=code("sightline.demo.tiny.write"),
    shell:
        "python -m sightline.demo.tiny.write --kind {params.kind} --seed {params.seed}"
        " --out {params.folder} --manifest {output} 2> {log}"


rule convert_checkpoint:
    """Take a checkpoint in the layout of LISA apart: a VLM, a segmenter, and a report of every key."""
    input:
        weights=lambda wildcards: checkpoint_files(wildcards.model),
        tower=lambda wildcards: checkpoint_files(conversion(wildcards)["tower"]),
    output:
        report=shared("converted/{model}/conversion.json"),
    log:
        shared("logs/converted/{model}.log"),
    benchmark:
        shared("benchmarks/converted/{model}.tsv")
    wildcard_constraints:
        model=conversions("lisa"),
    conda:
        "../../envs/torch.yaml"
    params:
        checkpoint=lambda wildcards: checkpoint_folder(wildcards.model),
        tower=lambda wildcards: checkpoint_folder(conversion(wildcards)["tower"]),
        out=subpath(output.report, parent=True),
        code=code("sightline.models.conversion.lisa"),
    shell:
        "python -m sightline.models.conversion.lisa --checkpoint {params.checkpoint} --tower {params.tower}"
        " --out {params.out} 2> {log}"


rule convert_internvl2:
    """Rewrite a checkpoint of InternVL2 for the class that transformers has, and compare every weight."""
    input:
        weights=lambda wildcards: checkpoint_files(wildcards.model),
    output:
        report=shared("converted/{model}/conversion.json"),
    log:
        shared("logs/converted/{model}_internvl2.log"),
    benchmark:
        shared("benchmarks/converted/{model}_internvl2.tsv")
    wildcard_constraints:
        model=conversions("internvl2"),
    conda:
        "../../envs/torch.yaml"
    params:
        checkpoint=lambda wildcards: checkpoint_folder(wildcards.model),
        out=subpath(output.report, parent=True),
        code=code("sightline.models.conversion.internvl2"),
    shell:
        "python -m sightline.models.conversion.internvl2 --checkpoint {params.checkpoint}"
        " --out {params.out} 2> {log}"


rule fit_demo_vlm:
    """Train a demo VLM and its segmenter; a killed training goes on where it was.

    Changed code alone repeats no training, as one takes hours: to train by it, delete the run's folder training.
    """
    input:
        start=trained_start,
    output:
        vlm=results("training/{recipe}/llava/model.safetensors"),
        segmenter=results("training/{recipe}/segmenter/segmenter.safetensors"),
        recipe=results("training/{recipe}/recipe.json"),
    log:
        logs("training/{recipe}/fit"),
    benchmark:
        benchmarks("training/{recipe}/fit")
    wildcard_constraints:
        recipe="|".join(DEMO_VLMS),
    conda:
        "../../envs/torch.yaml"
    threads: 4
    params:
        start=lambda wildcards, input: (
            f"--start {Path(input.start).parent}" if input.start else ""
        ),
        work=results("training/checkpoints/{recipe}"),
        models=subpath(output.recipe, parent=True),
    shell:
        "python -m sightline.demo.train --recipe {wildcards.recipe} {params.start} --work {params.work}"
        " --out {params.models} --threads {threads} 2> {log}"


rule measure_trained_quality:
    """How much freshly trained models know, on scenes they never saw."""
    input:
        vlm=rules.fit_demo_vlm.output.vlm,
        segmenter=rules.fit_demo_vlm.output.segmenter,
    output:
        results("training/{recipe}/quality.csv"),
    log:
        logs("training/{recipe}/quality"),
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        **cards(1, config["device"]),
        device=config["device"],
    params:
        folder=subpath(input.vlm, ancestor=2),
        code=code("sightline.demo.quality"),
    shell:
        "python -m sightline.demo.quality --models {params.folder} --key {wildcards.recipe} --threads {threads}"
        " --device {resources.device} --out {output} 2> {log}"


rule write_model_card:
    """Recipe, measured quality, learning curves and checksums of freshly trained models."""
    input:
        recipe=rules.fit_demo_vlm.output.recipe,
        quality=rules.measure_trained_quality.output,
    output:
        results("training/{recipe}/README.md"),
    log:
        logs("training/{recipe}/card"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(output[0], parent=True),
        code=code("sightline.demo.card"),
    shell:
        "python -m sightline.demo.card --models {params.folder} --quality {input.quality} 2> {log}"


rule fit_demo_encoder:
    """Train one vision encoder from nothing (khajuria2025); a killed training goes on where it was.

    Changed code alone repeats no training, as for the VLMs.
    """
    output:
        results("training/encoders/{encoder}/recipe.json"),
    log:
        logs("training/encoders/{encoder}"),
    benchmark:
        benchmarks("training/encoders/{encoder}")
    conda:
        "../../envs/torch.yaml"
    # Two trainings of one core each take less time than one after the other on two.
    threads: 1
    params:
        scenes=results("training/checkpoints"),
        work=results("training/checkpoints/encoders"),
        out=subpath(output[0], ancestor=2),
    shell:
        "python -m sightline.demo.encoders.train --encoder {wildcards.encoder} --scenes {params.scenes}"
        " --work {params.work} --out {params.out} --threads {threads} 2> {log}"


rule measure_trained_encoders:
    """What freshly trained encoders learned of their objectives, on scenes they never saw."""
    input:
        expand(rules.fit_demo_encoder.output, encoder=DEMO_ENCODERS),
    output:
        results("training/encoders/quality.csv"),
    log:
        logs("training/encoders_quality"),
    conda:
        "../../envs/torch.yaml"
    threads: 4
    params:
        folders=lambda wildcards, input: [str(Path(file).parent) for file in input],
        code=code("sightline.demo.encoders.gates"),
    shell:
        "python -m sightline.demo.encoders.gates --encoders {params.folders} --threads {threads}"
        " --out {output} 2> {log}"


rule write_encoder_card:
    """Recipes, measured quality, learning curves and checksums of freshly trained encoders."""
    input:
        rules.measure_trained_encoders.output,
    output:
        results("training/encoders/README.md"),
    log:
        logs("training/encoders_card"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(output[0], parent=True),
        code=code("sightline.demo.encoders.card"),
    shell:
        "python -m sightline.demo.encoders.card --encoders {params.folder} --quality {input} 2> {log}"


rule train_demo_models:
    """New demo models with their card, in the run's folder; copied over resources/demo they are the bundled ones."""
    input:
        expand(rules.write_model_card.output, recipe=DEMO_VLMS),
        rules.write_encoder_card.output,


rule measure_vlm_quality:
    """How much a demo model knows, on scenes it never saw."""
    input:
        model=demo_files,
    output:
        results("models/{model}/quality.csv"),
    log:
        logs("models/{model}/quality"),
    benchmark:
        benchmarks("models/{model}/quality")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        folder=lambda wildcards: demo_folder(wildcards.model),
        scenes=config.get("quality", {}).get("scenes", 0),
        code=code("sightline.demo.quality"),
    shell:
        "python -m sightline.demo.quality --models {params.folder} --key {wildcards.model}"
        " --scenes {params.scenes} --threads {threads} --device {resources.device} --out {output} 2> {log}"


rule measure_encoder_quality:
    """What the demo's encoders learned of their objectives, on scenes they never saw."""
    input:
        weights=[checkpoint_files(encoder) for encoder in examined_encoders()],
    output:
        results("models/encoders.csv"),
    log:
        logs("models/encoders"),
    benchmark:
        benchmarks("models/encoders")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        folders=[checkpoint_folder(encoder) for encoder in examined_encoders()],
        code=code("sightline.demo.encoders.gates"),
    shell:
        "python -m sightline.demo.encoders.gates --encoders {params.folders} --threads {threads}"
        " --out {output} 2> {log}"


rule measure_quality:
    """All gates of all demo models in one table."""
    input:
        expand(
            results("models/{model}/quality.csv"),
            model=config.get("quality", {}).get("models", []),
        ),
        rules.measure_encoder_quality.output if examined_encoders() else [],
    output:
        report(
            results("models/quality.csv"),
            caption="../report/quality.rst",
            category="Models",
            labels={"item": "What the models know"},
        ),
    log:
        logs("models/quality"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.report.quality_table"),
    shell:
        "python -m sightline.report.quality_table --quality {input} --out {output} 2> {log}"


rule collect_examples:
    """What a demo model says about the first held-out scenes, for a person to look at."""
    input:
        model=demo_files,
    output:
        results("models/{model}/examples.parquet"),
    log:
        logs("models/{model}/examples"),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **model_job(),
        device=config["device"],
    params:
        folder=lambda wildcards: demo_folder(wildcards.model),
        code=code("sightline.demo.examples"),
    shell:
        "python -m sightline.demo.examples --models {params.folder} --key {wildcards.model} --threads {threads}"
        " --device {resources.device} --out {output} 2> {log}"
