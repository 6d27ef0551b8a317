"""manifest.json of a published run: the checksum of every file, and the settings it was made with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

from sightline.files import sha256, write_json
from sightline.report.publication.contents import (
    CACHE,
    MANIFEST,
    PublicationError,
    models_of,
    words_of,
)
from sightline.report.publication.settings import published_settings, settings_behind

_FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """What a published folder holds.

    Attributes:
        folder: where it lies.
        files: path in the folder -> sha256 and bytes.
        settings: of `published_settings`.
    """

    folder: Path
    files: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path | str, expected: str | None = None) -> Self:
        """Read a folder's manifest.

        Args:
            folder: published.
            expected: sha256 of the manifest, which through it vouches for every file.

        Raises:
            PublicationError: it is missing, damaged or another one.
        """
        path = Path(folder) / MANIFEST
        if not path.is_file():
            raise PublicationError(
                f"{path} is missing: the folder was not published whole. Name a folder that "
                "`snakemake publish` has written in start_from.folder."
            )
        found = sha256(path)
        if expected and found != expected:
            raise PublicationError(
                f"{path} has sha256 {found}, start_from.sha256 is {expected}: it is another run's "
                "folder, or was changed. Fetch it again, or correct the key."
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']}")
            files = {_inside(name): dict(entry) for name, entry in content["files"].items()}
            if not all(isinstance(entry["sha256"], str) for entry in files.values()):
                raise TypeError("checksums are text")
            return cls(Path(folder), files, dict(content["settings"]))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise PublicationError(
                f"{path} cannot be read ({error}). Fetch the folder again."
            ) from None

    def write(self) -> None:
        """Write manifest.json."""
        content = {"format": _FORMAT, "files": dict(self.files), "settings": dict(self.settings)}
        write_json(content, self.folder / MANIFEST)

    def usable(self, config: Mapping[str, Any]) -> list[str]:
        """Files of a run's own studies, models and encoders, sorted.

        Args:
            config: of the run.

        Raises:
            PublicationError: some of them were made with other settings; names all that differ.
        """
        here = published_settings(config)
        usable: list[str] = []
        differences: dict[str, tuple[Any, Any]] = {}
        for file in self.files:
            if not self._wanted(here, file):
                continue
            usable.append(file)
            there, asked = settings_behind(self.settings, file), settings_behind(here, file)
            for key in there.keys() | asked.keys():
                # A data set that only one of the two runs has is none of this file's.
                apart = key.startswith("datasets.") and not _both_name(key, self.settings, here)
                if not apart and there.get(key) != asked.get(key):
                    differences[key] = (there.get(key), asked.get(key))
        if differences:
            lines = "\n".join(
                f"  {key}: {_short(there)} there, {_short(asked)} here"
                for key, (there, asked) in sorted(differences.items())
            )
            raise PublicationError(
                f"{self.folder}: these results were made with other settings.\n{lines}\n"
                "Use the same settings, or leave start_from out and measure anew."
            )
        return sorted(usable)

    def _wanted(self, here: Mapping[str, Any], file: str) -> bool:
        top, *words = words_of(file)
        models = models_of(self.settings) & set(words)
        return top in (CACHE, *here["studies"]) and bool(models) and models <= models_of(here)


def _both_name(key: str, *settings: Mapping[str, Any]) -> bool:
    return all(key.split(".")[1] in one.get("datasets", {}) for one in settings)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _inside(name: str) -> str:
    """A path that stays in its folder.

    Raises:
        ValueError: it leads out of it.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"{name} leads out of the folder")
    return name
