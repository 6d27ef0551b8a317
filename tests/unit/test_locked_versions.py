"""The lock files agree with the pins, are complete, and hold checksums of everything."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from test_envs import PLUGINS, RUN, TEST

ENVS = Path(__file__).parents[2] / "envs"
FILES = ("locked.txt", "locked-torch.txt")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(name: str) -> dict[str, tuple[str, list[str]]]:
    """Package -> version and checksums."""
    text = re.sub(r"^#.*\n", "", (ENVS / name).read_text(), flags=re.M).replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        pinned, *hashes = line.split()
        package, version = pinned.split("==")
        assert package not in found
        found[package] = version, [one.removeprefix("--hash=sha256:") for one in hashes]
    return found


LOCKED = {package: entry for name in FILES for package, entry in read_lock(name).items()}


def test_every_pin_is_locked_at_its_version():
    pins = {canonical(name): version for name, version in (RUN | TEST | PLUGINS).items()}
    assert {name: LOCKED[name][0] for name in pins} == pins


def test_everything_locked_has_checksums():
    """Compiled packages have one per Python."""
    for package, (_, hashes) in LOCKED.items():
        assert hashes and all(re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes), package
        assert len(set(hashes)) == len(hashes)
    assert all(len(LOCKED[name][1]) == 3 for name in ("numpy", "torch", "pyarrow", "scipy"))


@pytest.mark.parametrize("name", FILES)
def test_where_to_get_them_is_left_to_pip(name):
    assert "://" not in (ENVS / name).read_text()
    assert "index" not in (ENVS / name).read_text()


def test_what_installed_packages_need_is_locked_too():
    """Only packages of the locked version can tell; another version may need other things."""
    asked = 0
    for package, (version, _) in LOCKED.items():
        try:
            installed = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            continue
        if installed.version != version:
            continue
        for line in installed.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                asked += 1
                assert canonical(needed.name) in LOCKED, f"{package} needs {needed.name}"
    assert asked > 20
