"""Gather what several jobs made in shares; with one shard there is nothing to gather."""


rule gather_file:
    """One file from those of all shards, in the order of the samples."""
    input:
        lambda wildcards: in_all_shards(wildcards.file),
    output:
        results("{file}"),
    log:
        logs("gather/{file}"),
    wildcard_constraints:
        file=gathered(SHARDED_FILES),
    conda:
        "../../envs/core.yaml"
    params:
        root=results("shards"),
        shards=shards(),
        code=code("sightline.gather"),
    shell:
        "python -m sightline.gather --shards {params.root} --count {params.shards}"
        " --file {wildcards.file} --out {output} 2> {log}"


rule gather_traces:
    """The trace sets of a folder from those of all shards, in the order of the samples."""
    input:
        lambda wildcards: in_all_shards(f"{wildcards.folder}/{wildcards.marker}"),
    output:
        results("{folder}/{marker}"),
    log:
        logs("gather/{folder}/{marker}"),
    wildcard_constraints:
        folder=gathered(SHARDED_TRACES),
        marker=one_of(sorted(set(SHARDED_TRACES.values()))),
    conda:
        "../../envs/torch.yaml"
    params:
        root=results("shards"),
        shards=shards(),
        folder=lambda wildcards: results(wildcards.folder),
        code=code("sightline.cache.gather"),
    shell:
        "python -m sightline.cache.gather --shards {params.root} --count {params.shards}"
        " --folder {wildcards.folder} --marker {wildcards.marker} --out {params.folder} 2> {log}"
