"""What jobs ask for: cores, and those that run a model memory and GPUs; no rule."""

import csv

# In MB: Python, torch and the images of a job; a checkpoint whose size nobody has written down, 7B in 16 bits.
BESIDE_WEIGHTS = 8_000
UNKNOWN_WEIGHTS = 16_000

# Priority of the jobs that lead to the ablations: on few cores, what is longest has to begin first.
LONGEST_CHAIN = 1


def half_of_the_cores(wildcards):
    """Threads of a job that shares its work out: at most four.

    Half of this machine, the other half is for the next model: a job that takes all cores waits until none is busy,
    and leaves all but one idle while it loads. On a cluster nothing waits for the cores of one machine.
    """
    most = 4
    if workflow.remote_exec or not workflow.local_exec:
        return most
    return max(1, min(most, workflow.cores // 2))


def model_job():
    """Resources of a job that runs a model: tried again, it has more memory and time, and smaller batches.

    They are no reason to repeat a job. A GPU is left out, and not zero, where none is wanted: some executors take any
    mention of one for a wish.
    """
    return {
        "mem_mb": host_memory,
        "disk_mb": lambda wildcards: 2 * weights_mb(model_of(wildcards)) + 20_000,
        "runtime": lambda wildcards, attempt: 720 * attempt,
        "batch_size": batch_size,
        **cards(gpus, config["device"]),
    }


def judge_job():
    """Resources of a job whose judge may be a language model on the same machine; otherwise it is like others."""
    judge = study("kaduri2025").get("judge", {})
    if judge.get("kind") != "local":
        return {}
    return {
        "mem_mb": lambda wildcards, attempt: (BESIDE_WEIGHTS + 2 * UNKNOWN_WEIGHTS)
        * attempt,
        "runtime": lambda wildcards, attempt: 720 * attempt,
        **cards(1, judge.get("device", "auto")),
    }


def cards(number, device):
    """GPUs, and of which kind."""
    if device == "cpu":
        return {}
    kind = {"gpu_model": config["gpu_model"]} if "gpu_model" in config else {}
    return {"gpu": number} | kind


def named_by(wildcards):
    """The model or the encoder that a job runs."""
    return wildcards["model" if "model" in wildcards.keys() else "encoder"]


def model_of(wildcards):
    """The same, by the name of its checkpoint."""
    return origin(config, named_by(wildcards))


def gpus(wildcards):
    """As many GPUs as the layers are spread over."""
    return whole_entry(config, named_by(wildcards)).get("gpus", 1)


def batch_size(wildcards, attempt):
    """Halved whenever the job is tried again; no result depends on it."""
    first = (
        whole_entry(config, wildcards.model).get("batch_size", 16)
        if "model" in wildcards.keys()
        else encoder_batch(wildcards)
    )
    return max(1, first >> (attempt - 1))


def host_memory(wildcards, threads, attempt):
    """Weights pass through it on their way to a GPU; without one every process holds them, in 32 bits."""
    share = 2 * threads if config["device"] == "cpu" else 1.25
    return int(BESIDE_WEIGHTS + share * weights_mb(model_of(wildcards))) * attempt


def weights_mb(name):
    """Size of a checkpoint: as listed, else of the files that are there."""
    entry = checkpoint(name)
    if "path" not in entry or name in tiny_checkpoints():
        return 0
    with open(bundled("resources/models.csv"), newline="", encoding="utf-8") as lines:
        listed = {row["repository"]: row["bytes"] for row in csv.DictReader(lines)}
    if listed.get(entry["path"], "unknown") != "unknown":
        return int(listed[entry["path"]]) // 10**6
    files = list(Path(checkpoint_folder(name)).glob("*.safetensors"))
    if not files:
        return UNKNOWN_WEIGHTS
    return sum(file.stat().st_size for file in files) // 10**6
