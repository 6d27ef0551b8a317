"""Parts of the configuration as files: jobs depend on their content and not on the rest."""


localrules:
    write_model_identity,
    write_model_settings,
    write_settings_part,


rule write_model_settings:
    """A model's entry in the configuration, as a file: jobs depend on its content."""
    output:
        results("settings/models/{model}.json"),
    log:
        logs("settings/models/{model}"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(model_settings(wildcards.model)),
    shell:
        "printf %s {params.settings:q} > {output}"


rule write_model_identity:
    """What results depend on in a model's entry: jobs take its settings as ancient and this beside them.

    So a smaller batch on a smaller GPU does not repeat what is measured already.
    """
    output:
        results("settings/identities/{model}.json"),
    log:
        logs("settings/identities/{model}"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(model_identity(wildcards.model)),
    shell:
        "printf %s {params.settings:q} > {output}"


rule write_settings_part:
    """Some settings of a study, with the seed."""
    output:
        results("settings/{study}/{part}.json"),
    log:
        logs("settings/{study}/{part}"),
    wildcard_constraints:
        study="|".join(config["studies"]),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(
            {key: study(wildcards.study).get(key) for key in wildcards.part.split("+")}
            | {"seed": config["seed"]}
        ),
    shell:
        "printf %s {params.settings:q} > {output}"
