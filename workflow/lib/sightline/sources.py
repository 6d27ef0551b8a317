"""Which code a command runs, as one digest: a rule that carries it reruns when that code changes.

Snakemake compares the files and parameters of a rule, not the modules that its command imports.
The digest covers a module and everything it imports from this package, however deep, and the tables
and parts of pages they read by name. Where a module is imported by a name that is only known later,
``import_module(f"sightline.x.{name}")``, every module of that package counts. It is taken from the
syntax tree without documentation, so that a comment, a docstring or a new line break does not
repeat a day of computing.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parent.parent
PACKAGE = "sightline"
PLUMBING = ("sightline.cli", "sightline.errors", "sightline.redaction")
"""Modules that can change no result."""

_TABLE = re.compile(r"[\w-]+\.(csv|html|css|js)")


def code_digest(module: str) -> str:
    """Sixteen hex digits that change when the code behind ``python -m <module>`` does.

    Args:
        module: dotted name, such as sightline.studies.neo2025.ablation.

    Raises:
        ModuleNotFoundError: the library has no such module.
    """
    parts = [f"{name} {_digest(name)}" for name in imported_modules(module) if name not in PLUMBING]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def imported_modules(module: str) -> list[str]:
    """A module and all modules of this package that it imports, directly or not, sorted."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += own_imports(name)
    return sorted(found)


def own_imports(module: str) -> list[str]:
    """Modules of this package that a module imports directly."""
    return [name for name in _imports(module) if name.split(".")[0] == PACKAGE]


def foreign_imports(module: str) -> set[str]:
    """Top-level names of the other packages that a module imports directly."""
    return {name.split(".")[0] for name in _imports(module)} - {PACKAGE}


def source_file(module: str) -> Path:
    """Where a module of this package is written down.

    Raises:
        ModuleNotFoundError: the library has no such module.
    """
    place = LIBRARY.joinpath(*module.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    raise ModuleNotFoundError(f"{module}: neither {place}.py nor {place}/__init__.py exists.")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(source_file(module).read_text(encoding="utf-8"))


@cache
def _imports(module: str) -> tuple[str, ...]:
    names = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import name` may name a module or something inside one.
            names += [_module_of(node.module, alias.name) for alias in node.names]
        elif package := _chosen_from(node):
            names += _modules_in(package)
    return tuple(dict.fromkeys(names))


def _chosen_from(node: ast.AST) -> str | None:
    """The package of ours out of which ``import_module(f"package.{name}")`` takes a module."""
    match node:
        case ast.Call(
            func=ast.Name("import_module") | ast.Attribute(attr="import_module"),
            args=[ast.JoinedStr([ast.Constant(str(start)), ast.FormattedValue()]), *_],
        ) if start.startswith(f"{PACKAGE}.") and start.endswith("."):
            return start.removesuffix(".")
    return None


def _modules_in(package: str) -> list[str]:
    files = source_file(package).parent.glob("*.py")
    return [package, *(f"{package}.{file.stem}" for file in sorted(files) if file.stem[0] != "_")]


def _module_of(package: str, name: str) -> str:
    inner = f"{package}.{name}"
    try:
        source_file(inner)
    except ModuleNotFoundError:
        return package
    return inner


@cache
def _digest(module: str) -> str:
    file = source_file(module)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tables = set()
    for node in ast.walk(tree):
        if isinstance(getattr(node, "body", None), list):
            node.body = [inner for inner in node.body if not _is_documentation(inner)]
        if isinstance(node, ast.Constant) and _TABLE.fullmatch(str(node.value)):
            tables.add(file.with_name(node.value))
    content = hashlib.sha256(ast.dump(tree).encode())
    for table in sorted(tables):
        if table.is_file():
            content.update(table.read_bytes())
    return content.hexdigest()


def _is_documentation(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
