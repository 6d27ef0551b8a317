"""Take measurements and caches over from a published run, verified.

python -m sightline.report.publication.take --folder published --settings results/mine/settings/run.json \
    --out results/mine
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from sightline import cli
from sightline.cache.layout import KEPT
from sightline.report.publication.contents import SPEC, PublicationError
from sightline.report.publication.manifest import Manifest
from sightline.report.publication.publish import copy_file

log = logging.getLogger(__name__)


def take(manifest: Manifest, files: Sequence[str], out: Path) -> None:
    """Copy files into a run's folder.

    Args:
        manifest: of the published folder.
        files: of it; those that mark a trace set as whole come last.
        out: folder of the run.

    Raises:
        PublicationError: a file is missing or is not the one that was published.
    """
    # Whoever finds a spec.json may trust what lies beside it.
    for file in sorted(files, key=lambda name: (name.endswith(SPEC), name)):
        source = manifest.folder / file
        if not source.is_file():
            raise PublicationError(f"{source} is missing. Fetch {manifest.folder} again.")
        if copy_file(source, out / file)["sha256"] != manifest.files[file]["sha256"]:
            (out / file).unlink()
            raise PublicationError(
                f"{source} is not the file that was published (checksum differs). "
                f"Fetch {manifest.folder} again."
            )
        # What comes from elsewhere does not say which other place to read.
        if file.endswith(f"/{SPEC}") and KEPT in json.loads(
            (out / file).read_text(encoding="utf-8")
        ):
            (out / file).unlink()
            raise PublicationError(
                f"{source} says that its traces are kept elsewhere, which no published folder does. "
                "Publish the run again with `snakemake publish`."
            )
    log.info("%d files taken over from %s", len(files), manifest.folder)


def main(options: argparse.Namespace) -> None:
    """Take over all that a configuration has a use for."""
    config = json.loads(options.settings.read_text(encoding="utf-8"))["config"]
    manifest = Manifest.read(options.folder, options.sha256)
    take(manifest, manifest.usable(config), options.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="published")
    parser.add_argument("--sha256", help="of its manifest.json")
    parser.add_argument("--settings", type=Path, required=True, help="of this run, JSON")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    cli.run(main, parser)
