"""Publish a finished run as a data set folder, and start from one."""


include: "publication_common.smk"


localrules:
    publish,
    take_published,


rule publish:
    """What models left in this run, as a Hugging Face data set folder with a card; no part of a whole run."""
    input:
        study_targets(),
        results("scorecard.csv"),
        settings=results("settings/run.json"),
    output:
        card=results("published/README.md"),
        manifest=results("published/manifest.json"),
    log:
        logs("publish"),
    conda:
        "../../envs/torch.yaml"
    params:
        run=subpath(output.card, ancestor=2),
        folder=subpath(output.card, parent=True),
        code=code("sightline.report.publication.publish"),
    shell:
        "python -m sightline.report.publication.publish --run {params.run}"
        " --settings {input.settings} --out {params.folder} 2> {log}"


# Snakemake prefers a rule without wildcards, so what is named here is not measured. Every rule that runs a model has
# some, and all that it leaves is published.
rule take_published:
    """Copy from a published run what this one has a use for, after a look at settings and checksums."""
    input:
        manifest=published_manifest(),
        settings=ancient(results("settings/run.json")),
    output:
        taken_files(),
    log:
        logs("take_published"),
    conda:
        "../../envs/torch.yaml"
    params:
        folder=published_folder(),
        checksum=published_checksum(),
        run=subpath(input.settings, ancestor=2),
        code=code("sightline.report.publication.take"),
    shell:
        "python -m sightline.report.publication.take --folder {params.folder} {params.checksum}"
        " --settings {input.settings} --out {params.run} 2> {log}"
