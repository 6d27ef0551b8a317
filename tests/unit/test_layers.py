"""Data flows one way: no module imports from a floor above, and no file outgrows a reader."""

from pathlib import Path

import pytest

from sightline.sources import LIBRARY, foreign_imports, imported_modules, own_imports

ROOT = Path(__file__).parents[2]
FLOORS = ("cache", "scenes", "models", "instruments", "studies", "report", "bench")
# The embedded world stands beside the studies.
BESIDE = {"demo": "studies"}
LONGEST = 400

PACKAGE = LIBRARY / "sightline"
MODULES = sorted(
    ".".join(file.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__")
    for file in PACKAGE.rglob("*.py")
)
PYTHON = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")])


def floor(module: str) -> str:
    """First package below the library; empty for the foundation that all may use."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and (PACKAGE / parts[1]).is_dir() else ""


def may_import(upper: str, lower: str) -> bool:
    """Whether a module on one floor may use a module of another."""
    if lower in ("", upper):
        return True
    if upper == "":
        return False
    if lower in BESIDE or (upper in BESIDE and lower == BESIDE[upper]):
        return False
    return FLOORS.index(lower) < FLOORS.index(BESIDE.get(upper, upper))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_from_a_floor_above(module):
    wrong = [name for name in own_imports(module) if not may_import(floor(module), floor(name))]
    assert not wrong


def test_every_package_has_its_floor():
    assert {floor(module) for module in MODULES} - {""} <= {*FLOORS, *BESIDE}


def test_cache_knows_arrays_and_nothing_of_models():
    modules = [module for module in MODULES if floor(module) == "cache"]
    reached = {floor(name) for module in modules for name in imported_modules(module)}
    assert reached == {"", "cache"}


def test_library_knows_nothing_of_snakemake():
    assert [module for module in MODULES if "snakemake" in foreign_imports(module)] == []


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_outgrows_a_reader(file):
    assert len(file.read_text().splitlines()) <= LONGEST


def test_nothing_is_a_helper_dump():
    names = {file.stem for file in PYTHON}
    assert not names & {"utils", "util", "helpers", "helper", "misc", "common"}
