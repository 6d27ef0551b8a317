"""Queries of the demo's world and the demo's protocol, for a few of them."""

from pathlib import Path

import yaml

from sightline.demo.write_world import scene_seeds, write_reasonseg
from sightline.scenes.scene import SegmentationQuery
from sightline.studies.qian2025.protocol import Protocol
from sightline.studies.qian2025.similarity.states import load_queries

ROOT = Path(__file__).parents[1]


def demo_protocol(queries: int) -> Protocol:
    """That of config/demo.yaml, for so many queries of val."""
    settings = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())["studies"]["qian2025"]
    return Protocol.parse(settings | {"seed": 0, "queries": {"val": queries}, "gallery": 2})


def draw_queries(folder: Path, protocol: Protocol) -> dict[str, list[SegmentationQuery]]:
    """Those that the protocol asks for, drawn into a folder."""
    for split, number in protocol.queries.items():
        write_reasonseg(folder, split, scene_seeds("reasonseg", 0, number), 1)
    return load_queries(str(folder), protocol)
