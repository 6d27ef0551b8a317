"""Scenes: drawn, fetched, or the user's own."""


localrules:
    choose_images,
    download_archive,
    download_file,
    fetch_images,
    fetch_reasonseg_mirror,
    unpack_annotations,
    unpack_images,
    write_deciding_settings,
    write_wanted_settings,


onstart:
    for reckoning in coco_ways():
        logger.info(reckoning)
    if unpinned := unpinned_warning(config):
        logger.warning(unpinned)
    refuse_without_room()
    look_at_jobs_only_when_one_ends()


rule generate_world:
    """Draw a split of the embedded world in the layout of COCO 2017."""
    output:
        instances=results("data/coco/annotations/instances_{split}.json"),
        captions=results("data/coco/annotations/captions_{split}.json"),
        manifest=results("data/coco/{split}.csv"),
    log:
        logs("data/generate_{split}"),
    benchmark:
        benchmarks("data/generate_{split}")
    priority: LONGEST_CHAIN
    conda:
        "../../envs/torch.yaml"
    threads: half_of_the_cores
    params:
        images=lambda wildcards: config["datasets"]["coco"]["images"][wildcards.split],
        seed=config["datasets"]["coco"].get("seed", 0),
        root=subpath(output.manifest, parent=True),
        code=code("sightline.demo.write_world"),
    shell:
        "python -m sightline.demo.write_world --dataset coco --split {wildcards.split}"
        " --images {params.images} --seed {params.seed} --processes {threads}"
        " --out {params.root} 2> {log}"


rule generate_reasonseg:
    """Draw scenes of the embedded world with a query each, in the layout of ReasonSeg."""
    output:
        results("data/reasonseg/{split}.csv"),
    log:
        logs("data/generate_reasonseg_{split}"),
    conda:
        "../../envs/torch.yaml"
    threads: half_of_the_cores
    params:
        images=lambda wildcards: config["datasets"]["reasonseg"]["images"][
            wildcards.split
        ],
        seed=config["datasets"].get("reasonseg", {}).get("seed", 0),
        root=subpath(output[0], parent=True),
        code=code("sightline.demo.write_world"),
    shell:
        "python -m sightline.demo.write_world --dataset reasonseg --split {wildcards.split}"
        " --images {params.images} --seed {params.seed} --processes {threads}"
        " --out {params.root} 2> {log}"


rule generate_refer:
    """Draw scenes of the embedded world with referring expressions, some of them about nothing there."""
    output:
        results("data/refer/refcoco/instances.json"),
        results("data/refer/refcoco/refs(unc).p"),
        results("data/refer/fprefcoco/instances.json"),
        results("data/refer/fprefcoco/refs(unc).p"),
    log:
        logs("data/generate_refer"),
    conda:
        "../../envs/torch.yaml"
    threads: half_of_the_cores
    params:
        images=config["datasets"].get("refer", {}).get("images", 0),
        seed=config["datasets"].get("refer", {}).get("seed", 0),
        root=subpath(output[0], ancestor=2),
        code=code("sightline.demo.write_world"),
    shell:
        "python -m sightline.demo.write_world --dataset refer --images {params.images}"
        " --seed {params.seed} --processes {threads} --out {params.root} 2> {log}"


rule fetch_reasonseg_mirror:
    """A split of ReasonSeg from the hub, written out in the official layout."""
    output:
        shared("data/reasonseg/{split}.csv"),
    log:
        shared("logs/download/reasonseg_{split}.log"),
    retries: 2
    conda:
        "../../envs/core.yaml"
    params:
        mirror=lambda wildcards: config["datasets"]["reasonseg"]["mirrors"][
            wildcards.split
        ],
        root=subpath(output[0], parent=True),
    shell:
        "HF_HUB_OFFLINE=$SIGHTLINE_HUB_OFFLINE"
        " python -m sightline.scenes.reasonseg_mirror --mirror {params.mirror} --split {wildcards.split}"
        " --out {params.root} 2> {log}"


rule download_archive:
    """Fetch an official archive; it goes again once it is unpacked."""
    input:
        inventory=bundled("resources/datasets.csv"),
    output:
        temp(shared("data/archives/{archive}.zip")),
    log:
        shared("logs/download/{archive}.log"),
    retries: 2
    conda:
        "../../envs/core.yaml"
    params:
        own=fetched_by_hand(),
    shell:
        "python -m sightline.scenes.download --inventory {input.inventory}"
        " --file {wildcards.archive}.zip --out {output} {params.own} 2> {log}"


rule download_file:
    """Fetch a small file that authors published with their code."""
    input:
        inventory=bundled("resources/datasets.csv"),
    output:
        shared("data/neo2025/{file}"),
    log:
        shared("logs/download/{file}.log"),
    retries: 2
    conda:
        "../../envs/core.yaml"
    params:
        own=fetched_by_hand(),
    shell:
        "python -m sightline.scenes.download --inventory {input.inventory}"
        " --file {wildcards.file} --out {output} {params.own} 2> {log}"


rule unpack_annotations:
    """Instances and captions of a split of COCO 2017."""
    input:
        shared("data/archives/annotations_trainval2017.zip"),
    output:
        instances=shared("data/coco/annotations/instances_{split}.json"),
        captions=shared("data/coco/annotations/captions_{split}.json"),
    log:
        shared("logs/unpack/annotations_{split}.log"),
    conda:
        "../../envs/core.yaml"
    params:
        root=subpath(output.instances, ancestor=2),
    shell:
        "python -m sightline.scenes.unpack --archive {input} --out {params.root}"
        " --members annotations/instances_{wildcards.split}.json"
        " annotations/captions_{wildcards.split}.json 2> {log}"


rule unpack_images:
    """Images of a split of COCO 2017, and the list of them."""
    input:
        shared("data/archives/{split}.zip"),
    output:
        shared("data/coco/{split}.csv"),
    log:
        shared("logs/unpack/{split}.log"),
    conda:
        "../../envs/core.yaml"
    params:
        root=subpath(output[0], parent=True),
    shell:
        "python -m sightline.scenes.unpack --archive {input} --folder {wildcards.split}"
        " --out {params.root} --manifest {output} 2> {log}"


rule write_deciding_settings:
    """What decides which images the studies of this run look at."""
    output:
        results("settings/deciding_images.json"),
    log:
        logs("settings/deciding_images"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(deciding_settings()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule write_wanted_settings:
    """The whole settings of these studies, as their own code reads them."""
    output:
        results("settings/wanted_images.json"),
    log:
        logs("settings/wanted_images"),
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: as_json(wanted_settings()),
    shell:
        "printf %s {params.settings:q} > {output}"


rule choose_images:
    """The images of a split that the studies of this run will look at, from annotations alone."""
    input:
        instances=rules.unpack_annotations.output.instances,
        settings=ancient(rules.write_wanted_settings.output),
        deciding=rules.write_deciding_settings.output,
        questions=lambda wildcards: wanted_questions(),
    output:
        results("data/wanted/{split}.csv"),
    log:
        logs("data/wanted_{split}"),
    conda:
        "../../envs/core.yaml"
    params:
        root=subpath(input.instances, ancestor=2),
        code=code("sightline.studies.wanted_images"),
    shell:
        "python -m sightline.studies.wanted_images --dataset {params.root} --split {wildcards.split}"
        " --settings {input.settings} --out {output} 2> {log}"


rule fetch_images:
    """Those images, one by one, and the list of them."""
    input:
        inventory=bundled("resources/datasets.csv"),
        wanted=rules.choose_images.output,
    output:
        results("data/fetched/{split}.csv"),
    log:
        logs("data/fetch_{split}"),
    retries: 2
    conda:
        "../../envs/core.yaml"
    params:
        root=dataset_root("coco"),
    shell:
        "python -m sightline.scenes.single_images --inventory {input.inventory}"
        " --archive {wildcards.split}.zip --list {input.wanted} --out {params.root}"
        " --manifest {output} 2> {log}"
