"""Check a configuration against its schema, and say what to write instead.

    python -m sightline.config --schema workflow/schemas/config.schema.yaml --out config/README.md

writes the reference of all keys, which the schema is the only source of.
"""

import argparse
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from sightline.broken_references import broken_references
from sightline.errors import SightlineError
from sightline.spelling import setting, spell
from sightline.unfit_settings import unfit

REFERENCE = "config/README.md"
_NO_BLANK = r"^\S+$"
Mapped = Mapping[str, Any]

_INTRODUCTION = """# Configuration

`snakemake --cores all` runs `demo.yaml`; with `--configfile config/paper.yaml` it runs the
published setting *instead*. For a run of your own, copy one of the two, give it another `run` and
name the copy with `--configfile`; several files are laid over each other from left to right. A
single value can be changed on the command line: `--config seed=1`.

This page is made from the schema:
`python -m sightline.config --schema workflow/schemas/config.schema.yaml --out config/README.md`.
`<name>` stands for a name of your choice. Keys in *italics* may be left out.

| key | meaning | for example |
|---|---|---|
"""


# For JSON 2.0 is an integer; for Python it is none, and nothing can be counted up to it.
_Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: type(value) is int
    ),
)


class ConfigError(SightlineError):
    """The configuration has an unknown or missing key, or a value that makes no sense."""


def load_schema(path: Path | str) -> dict[str, Any]:
    """The schema, references resolved in place."""
    schema = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return _resolve(schema, schema.get("$defs", {}))


def check_config(config: Mapped, schema: Mapped, files: Sequence[str]) -> None:
    """Refuse what the workflow would not understand.

    Args:
        config: the merged configuration.
        schema: what `load_schema` gives.
        files: where it was read, for the message.

    Raises:
        ConfigError: one line per fault: key, what is wrong, a valid value.
    """
    faults = list(unfit(config))
    if not faults:
        errors = _Validator(schema).iter_errors(dict(config))
        errors = sorted(errors, key=lambda error: error.json_path)
        faults = [line for error in errors for line in _explain(error, schema)]
    # Names can only be followed in a configuration of the right shape.
    faults = faults or list(broken_references(config))
    if faults:
        lines = "\n".join(f"  {fault}" for fault in dict.fromkeys(faults))
        where = " + ".join(files) or "the configuration"
        raise ConfigError(f"{where}:\n{lines}\n  All keys are explained in {REFERENCE}.")


def reference(schema: Mapped) -> str:
    """The page about all keys, as Markdown."""
    rows = []
    for key, entry, required in _keys(schema):
        name = f"`{key}`" if required else f"*`{key}`*"
        choices = " or ".join(f"`{choice}`" for choice in entry.get("enum", ()))
        meaning = entry["description"] + (f" One of {choices}." if choices else "")
        example = f"`{spell(entry['examples'][0])}`" if "examples" in entry else ""
        rows.append(f"| {name} | {meaning} | {example} |\n")
    return _INTRODUCTION + "".join(rows)


def _keys(schema: Mapped, prefix: str = "") -> Iterator[tuple[str, Mapping, bool]]:
    """Dotted key, its part of the schema, and whether it must be given; outer keys first."""
    needed = schema.get("required", ())
    named = [(name, entry, name in needed) for name, entry in schema.get("properties", {}).items()]
    for name, entry, required in named + [
        ("<name>", entry, True) for entry in schema.get("patternProperties", {}).values()
    ]:
        yield f"{prefix}{name}", entry, required
        yield from _keys(entry, f"{prefix}{name}.")


def _explain(error: ValidationError, schema: Mapped) -> Iterator[str]:
    here = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        for name in error.instance:
            if not _knows(error.schema, name):
                yield _explain_unknown(here, name, error.schema)
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                example = _example(error.schema["properties"][name])
                yield f"{_join(here, name)} is missing; add for example {setting(name, example)}."
    else:
        names = [part for part in error.absolute_path if isinstance(part, str)]
        entry = _find(schema, names)
        advice = (
            f"; a valid value: {setting(names[-1], _example(entry))}" if names and entry else ""
        )
        yield f"{here or 'the whole'}: {_fault(error)}{advice}."


def _explain_unknown(here: str, name: str, entry: Mapped) -> str:
    known = list(entry.get("properties", {}))
    if not known:
        pattern = ", ".join(entry.get("patternProperties", {}))
        return f"{_join(here, name)}: a name here must match {pattern}."
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    best = near[0] if near else known[0]
    hint = f"did you mean {best}?" if near else f"known here: {', '.join(known)}."
    example = setting(best, _example(entry["properties"][best]))
    return f"{_join(here, name)} is not a key; {hint} A valid value: {example}"


def _fault(error: ValidationError) -> str:
    value = spell(error.instance)
    match error.validator:
        case "enum":
            return f"{value} is none of {', '.join(map(str, error.validator_value))}"
        case "type":
            article = "an" if error.validator_value[0] in "aio" else "a"
            return f"{value} is not {article} {error.validator_value}"
        case "minimum" | "maximum":
            bound = {"minimum": "smaller", "maximum": "larger"}[error.validator]
            return f"{value} is {bound} than {error.validator_value}"
        case "pattern" if error.validator_value == _NO_BLANK:
            return (
                f"{value} has a blank in it, where commands would part it; give it a name without one, such as that "
                "of a link to it (ln -s)"
            )
        case "pattern":
            return f"{value} does not match {error.validator_value}"
        case "not":
            return f"{value} is taken by a folder of the workflow"
    return error.message


def _resolve(node: Any, definitions: Mapped) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _resolve(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _resolve(value, definitions) for key, value in node.items() if key != "$defs"}
    return [_resolve(item, definitions) for item in node] if isinstance(node, list) else node


def _find(schema: Mapped, names: Sequence[str]) -> Mapped | None:
    """The part of the schema that governs a key; for an item of a list, that of the list."""
    for part in names:
        inner = schema.get("properties", {}).get(part)
        schema = inner or next(iter(schema.get("patternProperties", {}).values()), None)
        if schema is None:
            return None
    return schema


def _knows(entry: Mapped, name: str) -> bool:
    patterns = entry.get("patternProperties", {})
    return name in entry.get("properties", {}) or any(re.search(p, str(name)) for p in patterns)


def _example(entry: Mapped) -> Any:
    """The example of a key, or for a mapping one made of the examples of its keys."""
    if "examples" in entry:
        return entry["examples"][0]
    inner = dict(entry.get("properties", {}))
    if patterns := entry.get("patternProperties"):
        inner["my-model"] = next(iter(patterns.values()))
    needed = entry.get("required", inner)
    return {name: _example(part) for name, part in inner.items() if name in needed}


def _join(here: str, name: str) -> str:
    return f"{here}.{name}" if here else str(name)


def main(options: argparse.Namespace) -> None:
    """Write the reference."""
    options.out.write_text(reference(load_schema(options.schema)), encoding="utf-8")


if __name__ == "__main__":
    from sightline.cli import run

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schema", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    run(main, parser)
