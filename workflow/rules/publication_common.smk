"""What a run takes over from a published one; no rule."""

from sightline.report.publication.contents import PublicationError
from sightline.report.publication.manifest import Manifest


def published_folder():
    """The folder that this run starts from, if there is one."""
    folder = config.get("start_from", {}).get("folder")
    return bundled(folder) if folder else None


def published_manifest():
    """Checksums of what is in it."""
    return f"{published_folder()}/manifest.json" if published_folder() else []


def published_checksum():
    """Argument with the checksum of the manifest, where the configuration knows it."""
    checksum = config.get("start_from", {}).get("sha256")
    return f"--sha256 {checksum}" if checksum else ""


def taken_files():
    """Files of this run that are copied instead of made."""
    if not published_folder():
        return []
    try:
        manifest = Manifest.read(published_folder(), config["start_from"].get("sha256"))
        return list(map(results, manifest.usable(config)))
    except PublicationError as error:
        raise WorkflowError(str(error)) from None
