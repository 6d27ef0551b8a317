"""What a run leaves behind, and what its calls said about it.

A run lies in a folder with ``calls.log``: the output of every call of Snakemake, each after a line with CALL.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

CALL = "== call =="


def digests(folder: Path, run: str = "tiny") -> dict[str, bytes]:
    """Name -> digest of everything a run leaves that is not about time: tables, measurements, trace sets."""
    results = folder / "results" / run
    skipped = ("logs", "benchmarks")
    return {
        str(path.relative_to(results)): digest(path)
        for path in sorted(results.rglob("*"))
        if path.is_file() and path.relative_to(results).parts[0] not in skipped
    }


def digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def calls(folder: Path) -> list[str]:
    """What each call said so far."""
    log = folder / "calls.log"
    return log.read_text(errors="replace").split(CALL)[1:] if log.is_file() else []


def without_shown_logs(text: str) -> str:
    """What a call said itself: the log of a failed job is that of another Snakemake, with numbers of its own."""
    return re.sub(r"^Logfile .*:\n(={80})\n.*?^\1\n", "", text, flags=re.M | re.S)


def jobs(text: str) -> Iterator[tuple[str, list[str]]]:
    """(jobid, outputs) of the jobs that one call of Snakemake started, one that was tried again twice."""
    for block in re.findall(
        r"^(?:local)?rule \w+:\n((?:    .*\n)+)", without_shown_logs(text), re.M
    ):
        outputs = re.search(r"^    output: (.*)$", block, re.M)
        number = re.search(r"^    jobid: (\d+)$", block, re.M)
        if outputs and number:
            yield number[1], outputs[1].split(", ")


def started(text: str) -> set[str]:
    """Outputs of the jobs that one call started."""
    return {output for _, outputs in jobs(text) for output in outputs}


def finished(folder: Path) -> dict[Path, bytes]:
    """Outputs, with their digests, of the jobs that Snakemake has called finished so far."""
    found = {}
    for call in calls(folder):
        outputs = dict(jobs(call))
        for number in re.findall(r"^Finished jobid: (\d+)", without_shown_logs(call), re.M):
            for output in outputs.get(number, ()):
                path = folder / output
                if path.is_file():
                    found[path] = digest(path)
    return found


def changed(before: dict[Path, bytes]) -> list[Path]:
    """Files that are gone or have another digest now."""
    return [path for path, old in before.items() if not path.is_file() or digest(path) != old]
