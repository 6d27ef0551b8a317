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
        html=results("scorecard.html"),
        unlinked=report(
            results("scorecard_report.html"),
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


rule draw_contact_sheet:
    """Held-out scenes with a demo model's descriptions, answers and masks."""
    input:
        rules.collect_examples.output,
    output:
        pdf=results("models/{model}/contact_sheet.pdf"),
        png=report(
            results("models/{model}/contact_sheet.png"),
            caption="../report/contact_sheet.rst",
            category="Models",
            labels={"item": "Contact sheet", "model": "{model}"},
        ),
        csv=results("models/{model}/contact_sheet.csv"),
    log:
        logs("models/{model}/contact_sheet"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.report.contact_sheet"),
    shell:
        "python -m sightline.report.contact_sheet --examples {input} --out {params.stem} 2> {log}"


rule draw_encoder_curves:
    """How the demo's encoders learned."""
    input:
        encoder_curves(),
    output:
        pdf=results("models/encoders_learning_curves.pdf"),
        png=report(
            results("models/encoders_learning_curves.png"),
            caption="../report/encoders_learning_curves.rst",
            category="Models",
            labels={"item": "Learning curves of the encoders"},
        ),
        csv=results("models/encoders_learning_curves.csv"),
    log:
        logs("models/encoders_learning_curves"),
    conda:
        "../../envs/plot.yaml"
    params:
        folders=[checkpoint_folder(encoder) for encoder in examined_encoders()],
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.report.learning_curves"),
    shell:
        "python -m sightline.report.learning_curves --curves {params.folders} --out {params.stem} 2> {log}"


rule draw_learning_curves:
    """How a demo model learned, stage by stage."""
    input:
        demo_curves,
    output:
        pdf=results("models/{model}/learning_curves.pdf"),
        png=report(
            results("models/{model}/learning_curves.png"),
            caption="../report/learning_curves.rst",
            category="Models",
            labels={"item": "Learning curves", "model": "{model}"},
        ),
        csv=results("models/{model}/learning_curves.csv"),
    log:
        logs("models/{model}/learning_curves"),
    conda:
        "../../envs/plot.yaml"
    params:
        curves=subpath(input[0], parent=True),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.report.learning_curves"),
    shell:
        "python -m sightline.report.learning_curves --curves {params.curves} --out {params.stem} 2> {log}"
