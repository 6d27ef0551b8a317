"""What the text of every rule has to hold: where it may run, and what it passes on to its command."""

import re

import pytest

from sightline.sources import LIBRARY, foreign_imports, source_file

RULES = LIBRARY.parent / "rules"
NETWORK = {"huggingface_hub", "datasets"}
"""Packages whose import makes a module one that fetches."""


def read_rules() -> dict[str, str]:
    """Rule -> its text."""
    found = {}
    for file in sorted(RULES.glob("*.smk")):
        for part in re.split(r"^(?=rule \w+:)", file.read_text(), flags=re.M)[1:]:
            found[re.match(r"rule (\w+):", part)[1]] = part
    return found


def read_local_rules() -> set[str]:
    """Rules that run where Snakemake runs."""
    blocks = [
        block
        for file in RULES.glob("*.smk")
        for block in re.findall(r"^localrules:\n((?:    \w+,\n)+)", file.read_text(), re.M)
    ]
    return {name for block in blocks for name in re.findall(r"\w+", block)}


def module_of(rule: str) -> str | None:
    """The module that a rule runs."""
    called = re.search(r"python -m (sightline[\w.]+)", rule)
    return called and called[1]


def fetches(rule: str) -> bool:
    """Whether a rule goes to the network: it is told about the hub, or its module has the means."""
    if "SIGHTLINE_HUB_OFFLINE" in rule:
        return True
    module = module_of(rule)
    return module is not None and (
        bool(NETWORK & foreign_imports(module))
        or "urlopen" in source_file(module).read_text(encoding="utf-8")
    )


def test_rules_that_fetch_run_where_snakemake_runs():
    """Nodes of a cluster often have no way out."""
    fetching = {name for name, text in read_rules().items() if fetches(text)}
    known = {"download_archive", "download_file", "fetch_images", "fetch_model"}
    assert fetching >= known | {"fetch_reasonseg_mirror"}
    assert fetching <= read_local_rules()


def offers_device(rule: str) -> bool:
    module = module_of(rule)
    return module is not None and '"--device"' in source_file(module).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", [name for name, text in read_rules().items() if offers_device(text)]
)
def test_device_is_passed_on_and_no_reason_to_repeat_a_job(name):
    """A parameter would be one; a resource is none."""
    text = read_rules()[name]
    assert 'device=config["device"]' in text.partition("resources:")[2].partition("params:")[0]
    assert "--device {resources.device}" in text and "params.device" not in text
