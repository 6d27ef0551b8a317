"""Every result of a run on one page, and what the run was made with."""


include: "gallery_common.smk"


localrules:
    record_run,
    write_gallery,
    write_run_settings,


rule write_run_settings:
    """What the run was asked for, as a file."""
    output:
        results("settings/run.json"),
    log:
        logs("settings/run"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(run_settings()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule record_run:
    """Commit, versions, checksums and date, once the results stand."""
    input:
        targets=study_targets(),
        settings=results("settings/run.json"),
    output:
        results("run.json"),
    log:
        logs("run"),
    conda:
        "../../envs/torch.yaml"
    params:
        code=code("sightline.report.gallery.record"),
    shell:
        "python -m sightline.report.gallery.record --settings {input.settings} --out {output} 2> {log}"


rule write_gallery:
    """Figures, tables and pages beside published numbers, data, commands and origin."""
    input:
        targets=study_targets(),
        record=results("run.json"),
        listed=item_lists(),
    output:
        page=results("site/index.html"),
        scorecard=results("site/scorecard.html"),
        files=directory(results("site/files")),
    log:
        logs("gallery"),
    conda:
        "../../envs/core.yaml"
    params:
        run=subpath(input.record, parent=True),
        studies=list(config["studies"]),
        code=code("sightline.report.gallery.site"),
    shell:
        "python -m sightline.report.gallery.site --run {params.run} --studies {params.studies}"
        " --record {input.record} --out {output.page} 2> {log}"


# Every item is a target, those too that come out of a rule for several.
for target, files in items_without_rule().items():

    rule:
        name:
            target
        input:
            files,
