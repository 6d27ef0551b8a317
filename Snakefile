"""Sightline: re-run four studies of how vision-language models see, and say claim by claim what held up.

snakemake --cores all                                    the demo: embedded world, bundled models
snakemake --cores all --configfile config/paper.yaml     the published setting
snakemake --cores 1 neo2025_tab1                         one table or figure
snakemake --cores 1 plan --configfile config/paper.yaml  what that would cost, before it starts
snakemake --cores 1 publish                              measurements and caches as a data set folder
"""

from snakemake.utils import min_version

min_version("9.20")


# What the command line names replaces the demo's configuration instead of being merged into it.
if not workflow.configfiles:

    configfile: f"{workflow.basedir}/config/demo.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/scheduler_common.smk"
include: "workflow/rules/resources_common.smk"
include: "workflow/rules/shards_common.smk"
include: "workflow/rules/settings.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/cache.smk"
include: "workflow/rules/neo2025.smk"
include: "workflow/rules/kaduri2025.smk"
include: "workflow/rules/khajuria2025.smk"
include: "workflow/rules/qian2025.smk"
include: "workflow/rules/shards.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/gallery.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/publication.smk"


localrules:
    all,


rule all:
    """All studies of the configuration, their scorecard and gallery, and the quality of the demo models."""
    default_target: True
    input:
        study_targets(),
        results("scorecard.csv"),
        results("site/index.html"),
        quality_targets(),
