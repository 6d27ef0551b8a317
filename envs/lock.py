"""Write every installed version with its checksums, from what pip says it would install.

    pip install --dry-run --ignore-installed --report report-3.11.json \
        -r envs/constraints.txt -r envs/constraints-test.txt -r envs/constraints-slurm.txt \
        -r envs/constraints-generic.txt -r envs/constraints-s3.txt
    python envs/lock.py report-3.11.json report-3.12.json report-3.13.json

One report per Python; for a Python that is not here, add --no-deps --python-version 3.12 --target none and the
platforms to a call with the versions of the first report. torch, with the GPU libraries that it alone needs, goes to
a file of its own: whoever takes another build of it leaves that file out.
"""

import argparse
import json
import re
from pathlib import Path

HERE = Path(__file__).parent
TORCH = re.compile(r"torch|triton|(nvidia|cuda)-.+")
HEADS = {
    "locked.txt": "# Every version, with the sha256 of its files for Linux on x86-64 and Python 3.11 to 3.13.\n",
    "locked-torch.txt": "# torch with CUDA and what it alone needs. Leave it out where torch is installed already.\n",
}
USE = """# Made by envs/lock.py from the constraints files; SECURITY.md says how to install from it.
"""


def read_report(path: Path) -> list[tuple[str, str, str]]:
    """(name, version, sha256) of everything that pip would install."""
    found = []
    for entry in json.loads(path.read_text())["install"]:
        name = re.sub(r"[-_.]+", "-", entry["metadata"]["name"]).lower()
        digest = entry["download_info"]["archive_info"]["hashes"]["sha256"]
        found.append((name, entry["metadata"]["version"], digest))
    return found


def lock(reports: list[Path]) -> dict[str, str]:
    """Name of a file -> its text.

    Raises:
        ValueError: two reports disagree about a version.
    """
    versions: dict[str, str] = {}
    digests: dict[str, set[str]] = {}
    for report in reports:
        for name, version, digest in read_report(report):
            if versions.setdefault(name, version) != version:
                raise ValueError(f"{report}: {name} {version}, another report has {versions[name]}")
            digests.setdefault(name, set()).add(digest)
    texts = {file: head + USE for file, head in HEADS.items()}
    for name in sorted(versions):
        file = "locked-torch.txt" if TORCH.fullmatch(name) else "locked.txt"
        hashes = "".join(f" \\\n    --hash=sha256:{one}" for one in sorted(digests[name]))
        texts[file] += f"{name}=={versions[name]}{hashes}\n"
    return texts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", type=Path, nargs="+", help="one per Python")
    for name, text in lock(parser.parse_args().reports).items():
        (HERE / name).write_text(text)
