"""Take measurements and caches over from a published run, verified.

python -m sightline.report.publication.take --folder published --settings results/mine/settings/run.json \
    --out results/mine
"""

import argparse
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from sightline import cli
from sightline.cache.layout import KEPT
from sightline.files import atomic_path, sha256
from sightline.report.publication.contents import SPEC, PublicationError
from sightline.report.publication.manifest import Manifest

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
        with atomic_path(out / file) as temporary:
            shutil.copyfile(source, temporary)
            if sha256(temporary) != manifest.files[file]["sha256"]:
                raise PublicationError(
                    f"{source} is not the file that was published (checksum differs). "
                    f"Fetch {manifest.folder} again."
                )
            if file.endswith(f"/{SPEC}"):
                _check_spec(temporary, source)
    log.info("%d files taken over from %s", len(files), manifest.folder)


def _check_spec(spec: Path, source: Path) -> None:
    try:
        elsewhere = KEPT in dict(json.loads(spec.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise PublicationError(
            f"{source} is no specification of traces ({error}). Fetch the folder again."
        ) from None
    # What comes from elsewhere does not say which other place to read.
    if elsewhere:
        raise PublicationError(
            f"{source} says that its traces are kept elsewhere, which no published folder does. "
            "Publish the run again with `snakemake publish`."
        )


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
