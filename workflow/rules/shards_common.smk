"""Paths of what several jobs make in shares; no rule.

With one shard a rule writes its results where they belong. With more, every job writes to the folder of its shard,
which has the layout of the whole run, and the rules of shards.smk gather what lies there.
"""

# What the rules of shards.smk gather: files of the run, and folders of trace sets with what marks them as whole.
SHARDED_FILES = []
SHARDED_TRACES = {}


wildcard_constraints:
    shard="[0-9]+",
    shards="[0-9]+",


def shards():
    """How many jobs divide the samples of a rule."""
    return config.get("shards", 1)


def by_shard(path):
    """A path in the layout of the run, for every shard one."""
    return path if shards() == 1 else f"shards/{{shard}}-of-{{shards}}/{path}"


def sharded(path):
    """A file that a rule writes whole, or in shares that are gathered."""
    SHARDED_FILES.append(path)
    return results(by_shard(path))


def sharded_traces(folder, marker="spec.json"):
    """The same for a folder with one trace set or several, of which one is written last."""
    SHARDED_TRACES[folder] = marker
    return results(by_shard(f"{folder}/{marker}"))


def shard_option(wildcards):
    """Argument that tells a command its share."""
    return "" if shards() == 1 else f"--shard {wildcards.shard}/{wildcards.shards}"


def gathered(paths):
    """A pattern of what is gathered: nothing where nothing is divided."""
    names = paths if shards() > 1 else []
    return (
        "|".join(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) for path in names)
        or "(?!)"
    )


def in_all_shards(path):
    """A file of the run, in every shard."""
    numbers = range(1, shards() + 1)
    return [results(f"shards/{number}-of-{shards()}/{path}") for number in numbers]
