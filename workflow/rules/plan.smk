"""What a run will cost, before it starts."""

import yaml


include: "plan_common.smk"


localrules:
    plan,
    write_plan_settings,


rule write_plan_settings:
    """The whole configuration as a file, for the dry run that the plan is made from."""
    output:
        results("settings/plan.yaml"),
    log:
        logs("settings/plan"),
    params:
        settings=lambda wildcards: config,
    run:
        # Not as JSON, which Snakemake reads into mappings that count as changed parameters everywhere.
        Path(output[0]).write_text(yaml.safe_dump(params.settings, sort_keys=False))


rule plan:
    """Print downloads, disk, GPU memory and GPU-hours rule by rule; fail where the disk is too small."""
    input:
        settings=rules.write_plan_settings.output,
        datasets=bundled("resources/datasets.csv"),
    log:
        logs("plan"),
    conda:
        "../../envs/core.yaml"
    params:
        python=sys.executable,
        snakefile=f"{workflow.basedir}/Snakefile",
        resources=subpath(input.datasets, parent=True),
        jobs=results("settings/plan_jobs.txt"),
        out=results("plan"),
    shell:
        # A dry run of everything is the one place that knows which jobs are left.
        # By the interpreter that runs Snakemake: the environments of jobs have none.
        "{params.python:q} -m snakemake --snakefile {params.snakefile:q} --configfile {input.settings} --dry-run --nolock"
        " --nocolor all > {params.jobs} 2> {log} &&"
        " python -m sightline.report.plan --config {input.settings} --jobs {params.jobs}"
        " --resources {params.resources} --out {params.out} 2>> {log}"
