"""What a run fetches by a name alone is told at its start."""

from pathlib import Path

import yaml

from sightline.unpinned import unpinned, warning

ROOT = Path(__file__).parents[2]


def shipped(name: str) -> dict:
    return yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())


def test_branches_and_mirrors_are_found_in_the_published_setting():
    config = shipped("paper")
    followed = {
        f"{kind}.{name}"
        for kind in ("models", "parts", "encoders")
        for name, entry in config[kind].items()
        if entry.get("revision") == "main"
    }
    assert followed
    mirrors = {f"datasets.reasonseg.mirrors.{split}" for split in ("val", "test")}
    assert set(unpinned(config)) == followed | mirrors
    line = warning(config)
    assert "\n" not in line and all(key in line for key in followed | mirrors)


def test_what_is_bundled_or_at_a_commit_is_not_named(tmp_path):
    assert unpinned(shipped("demo")) == [] and warning(shipped("demo")) is None
    config = shipped("demo")
    config["models"]["fetched"] = {"path": "owner/name", "revision": "0123456789" * 4}
    config["datasets"]["reasonseg"] = {"source": "mirror", "mirrors": {"val": str(tmp_path)}}
    assert unpinned(config) == []
    config["studies"]["kaduri2025"]["judge"] = {"kind": "local", "path": "a/b", "revision": "main"}
    assert unpinned(config) == ["studies.kaduri2025.judge"]
    config["studies"]["kaduri2025"]["judge"] = {"kind": "local", "path": "a/b"}
    assert unpinned(config) == ["studies.kaduri2025.judge"]
    config["studies"]["kaduri2025"]["judge"]["path"] = str(tmp_path)
    assert unpinned(config) == []
