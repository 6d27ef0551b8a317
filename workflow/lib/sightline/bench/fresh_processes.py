"""Peaks of memory on a CPU, each in a process that has done nothing else.

python -m sightline.bench.fresh_processes --work capture --shape tiny --call capture --threads 1
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict

import torch

from sightline import cli
from sightline.bench.peaks import Peak, peak_on_cpu
from sightline.bench.shapes import BenchError, find_shape
from sightline.bench.subject import build_subject
from sightline.bench.works import WORKS


def peaks_in_fresh_processes(
    work: str, shape: str, names: list[str], threads: int
) -> dict[str, Peak]:
    """Peak of each named call of some work on the CPU, each in a process of its own.

    Raises:
        BenchError: a process failed.
    """
    found = {}
    for name in names:
        command = [sys.executable, "-m", "sightline.bench.fresh_processes", "--work", work]
        command += ["--shape", shape, "--call", name, "--threads", str(threads)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"bench: measuring the peak of {name!r} failed:\n{done.stderr}")
        found[name] = Peak(**json.loads(done.stdout.splitlines()[-1]))
    return found


def main(options: argparse.Namespace) -> None:
    """Measure one call and print its peak as JSON."""
    torch.set_num_threads(options.threads)
    work = WORKS[options.work](build_subject(find_shape(options.shape), "cpu"))
    print(json.dumps(asdict(peak_on_cpu(work.peaks[options.call], work.trace))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True)
    parser.add_argument("--shape", required=True)
    parser.add_argument("--call", required=True)
    parser.add_argument("--threads", type=int, required=True)
    cli.run(main, parser)
