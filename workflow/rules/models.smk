"""Models: their settings, their files, and the training and examination of the demo's own."""


localrules:
    fetch_model,
    train_demo_models,
    write_model_card,
    write_model_settings,


# What to train, by the name the trainer gives it: caption rates for those that read captions, two seeds each.
DEMO_ENCODERS = {
    f"{objective}{f'-{rate}' if rate else ''}-s{seed}": (
        f"--objective {objective} --seed {seed}" + (f" --rate {rate}" if rate else "")
    )
    for objective, rate in (
        ("classification", ""),
        ("contrastive", "0.5"),
        ("contrastive", "1"),
        ("captioning", "0.5"),
        ("distillation", ""),
        ("random", ""),
    )
    for seed in (0, 1)
}


rule write_model_settings:
    """A model's entry in the configuration, as a file: jobs depend on its content."""
    output:
        results("settings/models/{model}.json"),
    log:
        logs("settings/models/{model}"),
    params:
        settings=lambda wildcards: model_settings(wildcards.model),
    run:
        Path(output[0]).write_text(
            json.dumps(params.settings, indent=1, sort_keys=True)
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
        path=lambda wildcards: config["models"][wildcards.model]["path"],
        revision=lambda wildcards: config["models"][wildcards.model]["revision"],
        folder=subpath(output[0], strip_suffix=".json"),
    shell:
        "python -m sightline.models.fetch --inventory {input.inventory} --model {wildcards.model}"
        " --path {params.path} --revision {params.revision} --out {params.folder}"
        " --manifest {output} 2> {log}"


rule fit_demo_models:
    """Train the demo models from nothing; a killed training goes on where it was."""
    output:
        vlm=results("training/models/llava/model.safetensors"),
        segmenter=results("training/models/segmenter/projection.safetensors"),
        recipe=results("training/models/recipe.json"),
    log:
        logs("training/fit"),
    benchmark:
        benchmarks("training/fit")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    params:
        work=results("training/checkpoints"),
        models=subpath(output.recipe, parent=True),
    shell:
        "python -m sightline.demo.train --work {params.work} --out {params.models}"
        " --threads {threads} 2> {log}"


rule measure_trained_quality:
    """How much freshly trained models know, on scenes they never saw."""
    input:
        vlm=rules.fit_demo_models.output.vlm,
        segmenter=rules.fit_demo_models.output.segmenter,
    output:
        results("training/quality.csv"),
    log:
        logs("training/quality"),
    conda:
        "../../envs/torch.yaml"
    threads: 4
    params:
        folder=subpath(input.vlm, ancestor=2),
    shell:
        "python -m sightline.demo.quality --models {params.folder} --threads {threads}"
        " --out {output} 2> {log}"


rule write_model_card:
    """Recipe, measured quality, learning curves and checksums of freshly trained models."""
    input:
        recipe=rules.fit_demo_models.output.recipe,
        quality=rules.measure_trained_quality.output,
    output:
        results("training/models/README.md"),
    log:
        logs("training/card"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(output[0], parent=True),
    shell:
        "python -m sightline.demo.card --models {params.folder} --quality {input.quality} 2> {log}"


rule fit_demo_encoder:
    """Train one vision encoder from nothing (khajuria2025); a killed training goes on where it was."""
    output:
        results("training/encoders/{encoder}/recipe.json"),
    log:
        logs("training/encoders/{encoder}"),
    benchmark:
        benchmarks("training/encoders/{encoder}")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    params:
        options=lambda wildcards: DEMO_ENCODERS[wildcards.encoder],
        scenes=results("training/checkpoints"),
        work=results("training/checkpoints/encoders"),
        out=subpath(output[0], ancestor=2),
    shell:
        "python -m sightline.demo.encoders.train {params.options} --scenes {params.scenes}"
        " --work {params.work} --out {params.out} --threads {threads} 2> {log}"


rule train_demo_models:
    """New demo models with their card, in the run's folder; copied over resources/demo they are the bundled ones."""
    input:
        rules.write_model_card.output,
        expand(rules.fit_demo_encoder.output, encoder=DEMO_ENCODERS),


rule measure_quality:
    """How much the demo models know, on scenes they never saw."""
    input:
        models=quality_models(),
    output:
        results("models/quality.csv"),
    log:
        logs("models/quality"),
    benchmark:
        benchmarks("models/quality")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    params:
        folder=lambda wildcards: bundled(config["quality"]["models"]),
        scenes=config.get("quality", {}).get("scenes", 0),
        code=code("sightline.demo.quality"),
    shell:
        "python -m sightline.demo.quality --models {params.folder} --scenes {params.scenes}"
        " --threads {threads} --out {output} 2> {log}"


rule collect_examples:
    """What the demo models say about the first held-out scenes, for a person to look at."""
    input:
        models=quality_models(),
    output:
        results("models/examples.parquet"),
    log:
        logs("models/examples"),
    conda:
        "../../envs/torch.yaml"
    threads: 4
    params:
        folder=lambda wildcards: bundled(config["quality"]["models"]),
        code=code("sightline.demo.examples"),
    shell:
        "python -m sightline.demo.examples --models {params.folder} --threads {threads}"
        " --out {output} 2> {log}"
