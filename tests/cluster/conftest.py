"""A Slurm of two nodes for the tests beside this file."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from little_slurm import LittleSlurm, missing


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LittleSlurm]:
    """Started for a module of tests, and stopped: nothing of it may be left."""
    if missing():
        pytest.skip(
            f"no {', '.join(missing())}: apt-get install munge slurmctld slurmd slurm-client"
        )
    if find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("no executor for Slurm: pip install -e '.[slurm]'")
    slurm = LittleSlurm(tmp_path_factory.mktemp("slurm"))
    yield slurm
    slurm.stop()
    assert slurm.left() == []
