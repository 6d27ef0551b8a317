"""One source of versions: the conda files and the installed package repeat it, and it suffices."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from sightline.sources import LIBRARY, foreign_imports, imported_modules, source_file

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "PyYAML"}
STANDARD = set(sys.stdlib_module_names)
ROLES = ("core", "torch", "plot")


def read_pins(path: Path) -> dict[str, str]:
    """Name -> version of a constraints file."""
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    pins = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line]
    assert all(pins), f"{path}: every line is name==version"
    return {pin[1]: pin[2] for pin in pins}


RUN = read_pins(ROOT / "envs" / "constraints.txt")
TEST = read_pins(ROOT / "envs" / "constraints-test.txt")
EXTRAS = ("slurm", "generic", "s3")
PLUGINS = {
    name: version
    for extra in EXTRAS
    for name, version in read_pins(ROOT / "envs" / f"constraints-{extra}.txt").items()
}


def conda_pins(role: str) -> dict[str, str]:
    """Name -> version of the pip part of a conda file."""
    content = yaml.safe_load((ROOT / "envs" / f"{role}.yaml").read_text())
    (pip,) = [part["pip"] for part in content["dependencies"] if isinstance(part, dict)]
    return dict(line.split("==") for line in pip)


def called_modules() -> dict[str, set[str]]:
    """Role -> modules that rules of that role run."""
    called: dict[str, set[str]] = {role: set() for role in ROLES}
    for file in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^rule ", file.read_text(), flags=re.M)[1:]:
            module = re.search(r"python -m (sightline[\w.]+)", rule)
            role = re.search(r"envs/(\w+)\.yaml", rule)
            if module:
                called[role[1]].add(module[1])
    return called


def executed(module: str) -> str:
    """What ``python -m`` runs: of a package, its ``__main__``."""
    is_package = source_file(module).name == "__init__.py"
    main = source_file(module).with_name("__main__.py")
    return f"{module}.__main__" if is_package and main.is_file() else module


def needed(modules: set[str]) -> set[str]:
    """Distributions that modules import, directly or through others of this package."""
    reached = {name for module in modules for name in imported_modules(executed(module))}
    names = set().union(*(foreign_imports(name) for name in reached)) - STANDARD
    return {DISTRIBUTIONS.get(name, name) for name in names}


@pytest.mark.parametrize("role", ROLES)
def test_conda_file_agrees_with_constraints(role):
    assert conda_pins(role).items() <= RUN.items()


@pytest.mark.parametrize("role", ROLES)
def test_conda_file_holds_what_its_rules_import(role):
    modules = called_modules()[role]
    assert modules
    assert needed(modules) <= conda_pins(role).keys()


def test_every_import_of_the_library_is_pinned():
    files = (LIBRARY / "sightline").rglob("*.py")
    modules = {".".join(file.relative_to(LIBRARY).with_suffix("").parts) for file in files}
    modules = {name.removesuffix(".__init__") for name in modules}
    assert needed(modules) <= RUN.keys()


def test_package_takes_its_dependencies_from_the_constraints():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    dynamic = project["tool"]["setuptools"]["dynamic"]
    assert dynamic["dependencies"] == {"file": ["envs/constraints.txt"]}
    files = {name: f"envs/constraints-{name}.txt" for name in ("test", *EXTRAS)}
    extras = dynamic["optional-dependencies"]
    assert extras["test"] == {"file": list(files.values())}
    assert {name: extras[name] for name in EXTRAS} == {
        name: {"file": [files[name]]} for name in EXTRAS
    }
    assert len(RUN | TEST | PLUGINS) == len(RUN) + len(TEST) + len(PLUGINS)


def test_torchvision_stays_out():
    """Beside a CPU build of torch it breaks at import."""
    assert "torchvision" not in RUN.keys() | TEST.keys()
    assert RUN["torch"] == "2.13.0"
