"""What was found, over all studies."""


localrules:
    score_claims,


rule score_claims:
    """The scorecard: every claim, what was published, what came out, and the verdict."""
    input:
        expand(results("{study}/claims.csv"), study=config["studies"]),
    output:
        csv=results("scorecard.csv"),
        md=results("scorecard.md"),
        html=report(
            results("scorecard.html"),
            caption="../report/scorecard.rst",
            category="Scorecard",
            labels={"item": "Scorecard"},
        ),
    log:
        logs("scorecard"),
    conda:
        "../../envs/core.yaml"
    params:
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.report.scorecard"),
    shell:
        "python -m sightline.report.scorecard --claims {input} --out {params.stem} 2> {log}"
