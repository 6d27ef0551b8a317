"""Neo et al. 2025: the items that rest on the logit lens."""


rule neo2025_num1:
    """Share of an object's tokens that decode to its class, every reading of it beside published."""
    input:
        best=rules.summarise_lens.output.best,
        published=library_file("studies/neo2025/published.csv"),
    output:
        csv=report(
            results("neo2025/num1.csv"),
            caption="../report/neo2025_num1.rst",
            category="neo2025",
            labels={"item": "Tokens that decode to the class"},
        ),
        md=results("neo2025/num1.md"),
        tex=results("neo2025/num1.tex"),
    log:
        logs("neo2025/num1"),
    conda:
        "../../envs/core.yaml"
    params:
        model=first_model(),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.neo2025.lens.num1"),
    shell:
        "python -m sightline.studies.neo2025.lens.num1 --best {input.best} --item num1"
        " --model {params.model} --out {params.stem} 2> {log}"


rule neo2025_num2:
    """The same share for a model of another architecture."""
    input:
        best=rules.summarise_lens.output.best,
        published=library_file("studies/neo2025/published.csv"),
    output:
        csv=report(
            results("neo2025/num2.csv"),
            caption="../report/neo2025_num2.rst",
            category="neo2025",
            labels={"item": "The same, another architecture"},
        ),
        md=results("neo2025/num2.md"),
        tex=results("neo2025/num2.tex"),
    log:
        logs("neo2025/num2"),
    conda:
        "../../envs/core.yaml"
    params:
        model=other_architecture(),
        stem=subpath(output.csv, strip_suffix=".csv"),
        code=code("sightline.studies.neo2025.lens.num1"),
    shell:
        "python -m sightline.studies.neo2025.lens.num1 --best {input.best} --item num2"
        " --model {params.model:q} --out {params.stem} 2> {log}"


rule neo2025_lens_curves:
    """Share of object tokens that decode to the class, state by state, with controls."""
    input:
        curves=rules.summarise_lens.output.curves,
        best=expand(
            results("neo2025/measurements/lens/{model}/best.parquet"),
            model=study("neo2025").get("models", []),
        ),
        published=library_file("studies/neo2025/published.csv"),
    output:
        pdf=results("neo2025/lens_curves.pdf"),
        png=report(
            results("neo2025/lens_curves.png"),
            caption="../report/neo2025_lens_curves.rst",
            category="neo2025",
            labels={"item": "Logit lens by layer"},
        ),
        csv=results("neo2025/lens_curves.csv"),
    log:
        logs("neo2025/lens_curves"),
    conda:
        "../../envs/plot.yaml"
    params:
        folders=lens_folders(),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.lens.curves_figure"),
    shell:
        "python -m sightline.studies.neo2025.lens.curves_figure --curves {input.curves}"
        " --measurements {params.folders} --out {params.stem} 2> {log}"


rule neo2025_fig3:
    """Figure 3: image patches and the words their states decode to."""
    input:
        words=lens_table("shown_words"),
        pictures=lens_pictures(),
    output:
        pdf=results("neo2025/fig3.pdf"),
        png=report(
            results("neo2025/fig3.png"),
            caption="../report/neo2025_fig3.rst",
            category="neo2025",
            labels={"item": "Figure 3"},
        ),
        csv=results("neo2025/fig3.csv"),
    log:
        logs("neo2025/fig3"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.words, parent=True),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.lens.words_figure"),
    shell:
        "python -m sightline.studies.neo2025.lens.words_figure --measurements {params.folder}"
        " --pictures {input.pictures} --out {params.stem} 2> {log}"


rule neo2025_extra3:
    """Rough segmentation maps from decoded words, and their IoU by class."""
    input:
        patches=lens_table("shown_patches"),
        pictures=lens_pictures(),
        maps=rules.summarise_lens.output.maps,
        protocol=results("settings/neo2025_lens.json"),
    output:
        pdf=results("neo2025/extra3.pdf"),
        png=report(
            results("neo2025/extra3.png"),
            caption="../report/neo2025_extra3.rst",
            category="neo2025",
            labels={"item": "Maps from decoded words"},
        ),
        csv=results("neo2025/extra3.csv"),
    log:
        logs("neo2025/extra3"),
    conda:
        "../../envs/plot.yaml"
    params:
        model=first_model(),
        folder=subpath(input.patches, parent=True),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.lens.map_figure"),
    shell:
        "python -m sightline.studies.neo2025.lens.map_figure --measurements {params.folder}"
        " --pictures {input.pictures} --maps {input.maps} --model {params.model}"
        " --protocol {input.protocol} --out {params.stem} 2> {log}"


rule neo2025_extra5:
    """Number words that reappear elsewhere after their token is replaced."""
    input:
        replaced=lens_table("replaced"),
        counts=lens_table("counts"),
        patches=lens_table("shown_patches"),
        pictures=lens_pictures(),
    output:
        pdf=results("neo2025/extra5.pdf"),
        png=report(
            results("neo2025/extra5.png"),
            caption="../report/neo2025_extra5.rst",
            category="neo2025",
            labels={"item": "Number words replaced"},
        ),
        csv=results("neo2025/extra5.csv"),
    log:
        logs("neo2025/extra5"),
    conda:
        "../../envs/plot.yaml"
    params:
        folder=subpath(input.replaced, parent=True),
        stem=subpath(output.pdf, strip_suffix=".pdf"),
        code=code("sightline.studies.neo2025.lens.numbers_figure"),
    shell:
        "python -m sightline.studies.neo2025.lens.numbers_figure --measurements {params.folder}"
        " --pictures {input.pictures} --out {params.stem} 2> {log}"


rule collect_lens_page:
    """Read-outs, outlines and attention of the few images that the interactive lens shows."""
    input:
        model=ancient(results("settings/models/{model}.json")),
        weights=model_files,
        dataset=coco_files(lens_split()),
        spec=results("cache/{model}/lens/spec.json"),
        words=results("neo2025/lens/{model}/words.json"),
        objects=results("neo2025/lens/{model}/objects.parquet"),
        pictures=results("neo2025/lens/{model}/pictures.parquet"),
        protocol=results("settings/neo2025_lens.json"),
        identity=results("settings/identities/{model}.json"),
    output:
        expand(
            results("neo2025/lens_page/{{model}}/{table}.parquet"),
            table=("images", "words", "objects", "attention", "answer"),
        ),
    log:
        logs("neo2025/collect_lens_page/{model}"),
    benchmark:
        benchmarks("neo2025/collect_lens_page/{model}")
    conda:
        "../../envs/torch.yaml"
    resources:
        **model_job(),
    params:
        root=lambda wildcards: dataset_root("coco"),
        split=lens_split(),
        cache=subpath(input.spec, parent=True),
        about=subpath(input.words, parent=True),
        images=lens_page_settings()["images"],
        chosen=" ".join(map(str, lens_page_settings()["chosen"])),
        out=subpath(output[0], parent=True),
        code=code("sightline.studies.neo2025.lens.page_tables"),
    shell:
        "python -m sightline.studies.neo2025.lens.page_tables --model {input.model}"
        " --batch-size {resources.batch_size}"
        " --dataset {params.root} --split {params.split} --lens {params.cache}"
        " --about {params.about} --protocol {input.protocol} --images {params.images}"
        " --chosen {params.chosen} --out {params.out} 2> {log}"


rule write_lens_page:
    """Interactive logit lens of one model: one page that needs nothing but itself."""
    input:
        rules.collect_lens_page.output,
    output:
        report(
            results("neo2025/extra4/{model}.html"),
            caption="../report/neo2025_extra4.rst",
            category="neo2025",
            labels={"item": "Interactive logit lens, {model}"},
        ),
    log:
        logs("neo2025/lens_page/{model}"),
    conda:
        "../../envs/core.yaml"
    params:
        folder=subpath(input[0], parent=True),
        code=code("sightline.report.lens_page"),
    shell:
        "python -m sightline.report.lens_page --tables {params.folder} --out {output} 2> {log}"


rule neo2025_extra4:
    """The list of interactive lens pages."""
    input:
        lens_pages(),
    output:
        results("neo2025/extra4.html"),
    log:
        logs("neo2025/extra4"),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("sightline.report.lens_page"),
    shell:
        "python -m sightline.report.lens_page --pages {input} --out {output} 2> {log}"
