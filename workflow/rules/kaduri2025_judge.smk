"""Kaduri et al. 2025: the judge itself: how it works, what it is told, how often it agrees with labels."""


localrules:
    kaduri2025_page2,
    kaduri2025_textS1,


rule measure_judge_agreement:
    """Table S2 and claim C13: judges against labels on pairs of descriptions sorted by hand."""
    input:
        protocol=ancient(results("settings/kaduri2025.json")),
        labels=library_file("studies/kaduri2025/judge/labelled.csv"),
        published=library_file("studies/kaduri2025/published.csv"),
        part=settings_part("kaduri2025", "judge", "bootstrap"),
    output:
        csv=report(
            results("kaduri2025/tabS2.csv"),
            caption="../report/kaduri2025_tabS2.rst",
            category="kaduri2025",
            labels={"item": "Table S2"},
        ),
        md=results("kaduri2025/tabS2.md"),
        tex=results("kaduri2025/tabS2.tex"),
        decisions=results("kaduri2025/judge_decisions.csv"),
        claims=results("kaduri2025/claims/judge.csv"),
    log:
        logs("kaduri2025/judge_agreement"),
    conda:
        "../../envs/torch.yaml"
    resources:
        **judge_job(),
    params:
        stem=subpath(output.csv, strip_suffix=".csv"),
        # A language model's answers outlive the job: a second run repeats them without asking.
        record=results("kaduri2025/answers/labelled.jsonl"),
        code=code("sightline.studies.kaduri2025.judge.agreement"),
    shell:
        "python -m sightline.studies.kaduri2025.judge.agreement --protocol {input.protocol}"
        " --record {params.record} --decisions {output.decisions} --claims {output.claims}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_fig3:
    """Figure 3: how the judge turns two descriptions of the run into numbers."""
    input:
        measurements=results(
            f"kaduri2025/measurements/knockout/{kaduri2025_first_model()}.parquet"
        ),
        dataset=coco_files(kaduri2025_split()),
    output:
        pdf=results("kaduri2025/fig3.pdf"),
        png=report(
            results("kaduri2025/fig3.png"),
            caption="../report/kaduri2025_fig3.rst",
            category="kaduri2025",
            labels={"item": "Figure 3"},
        ),
        csv=results("kaduri2025/fig3.csv"),
    log:
        logs("kaduri2025/fig3"),
    conda:
        "../../envs/plot.yaml"
    params:
        model=kaduri2025_first_model(),
        root=lambda wildcards: dataset_root("coco"),
        split=kaduri2025_split(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.judge.protocol_figure"),
    shell:
        "python -m sightline.studies.kaduri2025.judge.protocol_figure --model {params.model}"
        " --measurements {input.measurements} --dataset {params.root} --split {params.split}"
        " --out {params.stem} 2> {log}"


rule kaduri2025_page2:
    """The worked case of the project page, computed beside printed."""
    input:
        published=library_file("studies/kaduri2025/published.csv"),
    output:
        pdf=results("kaduri2025/page2.pdf"),
        png=report(
            results("kaduri2025/page2.png"),
            caption="../report/kaduri2025_page2.rst",
            category="kaduri2025",
            labels={"item": "Worked case of the judge"},
        ),
        csv=results("kaduri2025/page2.csv"),
    log:
        logs("kaduri2025/page2"),
    conda:
        "../../envs/plot.yaml"
    params:
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.kaduri2025.judge.worked_case"),
    shell:
        "python -m sightline.studies.kaduri2025.judge.worked_case --out {params.stem}"
        " 2> {log}"


rule kaduri2025_textS1:
    """Text S1: what a language model is told when it judges."""
    output:
        report(
            results("kaduri2025/textS1.md"),
            caption="../report/kaduri2025_textS1.rst",
            category="kaduri2025",
            labels={"item": "Text S1"},
        ),
    log:
        logs("kaduri2025/textS1"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.studies.kaduri2025.judge.instructions_text"),
    shell:
        "python -m sightline.studies.kaduri2025.judge.instructions_text --out {output} 2> {log}"
