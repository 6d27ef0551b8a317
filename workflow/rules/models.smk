"""Models: their settings, their files, and the training and examination of the demo's own."""


localrules:
    fetch_model,
    write_model_settings,


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


rule train_demo_models:
    """Train the demo models from nothing (hours on two cores); a killed training goes on where it was.

    The result is left in the run's folder; copy it over resources/ to make it the bundled one.
    """
    output:
        touch(results("training/finished")),
    log:
        logs("models/train"),
    benchmark:
        benchmarks("models/train")
    conda:
        "../../envs/torch.yaml"
    threads: 2
    params:
        work=subpath(output[0], parent=True),
    shell:
        "python -m sightline.demo.train --work {params.work} --out {params.work}/models"
        " --threads {threads} 2> {log}"


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
        folder=bundled(config["quality"]["models"]) if "quality" in config else "",
        scenes=config.get("quality", {}).get("scenes", 0),
        code=code("sightline.demo.quality"),
    shell:
        "python -m sightline.demo.quality --models {params.folder} --scenes {params.scenes}"
        " --threads {threads} --out {output} 2> {log}"
