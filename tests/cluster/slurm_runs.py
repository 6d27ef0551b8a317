"""Runs of the workflow through Slurm whose nodes die."""

import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from little_slurm import NODES, LittleSlurm
from run_files import CALL, calls, changed, finished, jobs
from snakemake_calls import ROOT

PATIENCE = 5400
"""Seconds after which a job that should be running is given up."""


@dataclass(frozen=True)
class Death:
    """A node that died.

    Attributes:
        node: its name.
        during: modules that ran there.
        finished: files of jobs that had finished, with their digests.
        starts: output -> how many jobs had been started for it.
    """

    node: str
    during: str
    finished: dict[Path, bytes] = field(repr=False)
    starts: Counter[str] = field(repr=False)


class SlurmRun:
    """One call of Snakemake with the profile, in a folder of its own.

    Attributes:
        deaths: nodes that were killed.
    """

    def __init__(self, slurm: LittleSlurm, folder: Path, arguments: Sequence[str | Path]) -> None:
        self._slurm, self._folder = slurm, folder
        self.deaths: list[Death] = []
        command = [sys.executable, "-m", "snakemake", *arguments]
        command += ["--snakefile", ROOT / "Snakefile", "--directory", folder]
        command += ["--workflow-profile", ROOT / "profiles" / "slurm"]
        # Without accounting there is only squeue to ask; and jobs of seconds need not be waited for by the minute.
        command += ["--slurm-status-command", "squeue"]
        command += ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]
        with (folder / "calls.log").open("ab") as log:
            log.write(f"\n{CALL}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | slurm.environment | {"XDG_CACHE_HOME": str(folder / "cache")},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __str__(self) -> str:
        """Lines for a person to read."""
        lines = [
            f"node {death.node} killed during {death.during}; {len(death.finished)} files finished"
            for death in self.deaths
        ]
        return "\n".join([*lines, f"Lost: {'; '.join(self.lost()) or 'nothing'}."])

    def kill_node(self, *modules: str) -> Death:
        """Wait until one of these modules of the library runs on a node, and kill that node."""
        end = time.monotonic() + PATIENCE
        while not (places := [(one, at) for one in modules for at in self._places(one)]):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"no node ever ran {' or '.join(modules)}\n{self.said}")
            time.sleep(0.1)
        module, node = places[0]
        self._kill(node, module)
        return self.deaths[-1]

    def kill_nodes_at_random(self, rng: random.Random, most: int, longest: float) -> None:
        """Kill a node at moments that nobody chose, and start it again, until the call ends.

        A node that runs nothing dies only where no other does: little can be lost with it.

        Args:
            rng: chooses moments, and nodes.
            most: nodes killed at most.
            longest: seconds between one that is back and the next that dies.
        """
        for _ in range(most):
            try:
                self._process.wait(rng.uniform(0, longest))
            except subprocess.TimeoutExpired:
                busy = [one for one in NODES if self._modules(one)]
                node = rng.choice(busy or NODES)
                self._kill(node, ", ".join(self._modules(node)) or "nothing")
                self._slurm.revive_node(node)
            else:
                return

    def wait(self) -> int:
        """The exit status of Snakemake."""
        return self._process.wait()

    def stop(self) -> None:
        """End a call that nobody waits for any more."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def said(self) -> str:
        """What Snakemake said."""
        return calls(self._folder)[-1]

    def records(self, rule: str) -> list[dict[str, str]]:
        """What Slurm remembers of the jobs of a rule, in the order they were submitted."""
        lines = self._slurm.ask("scontrol", "--oneliner", "show", "jobs").splitlines()
        found = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines]
        # The plugin's comment names the rule, and its wildcards where there are any.
        return [
            one
            for one in found
            if one.get("Comment", "").partition("_wildcards_")[0] == f"rule_{rule}"
        ]

    def resources(self, rule: str) -> list[dict[str, int]]:
        """Numbers that Snakemake gave the jobs of a rule, one that was tried again twice."""
        lines = re.findall(rf"^rule {rule}:\n(?:    .*\n)*?    resources: (.*)$", self.said, re.M)
        return [
            {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)(?:,|$)", line)}
            for line in lines
        ]

    def lost(self) -> list[str]:
        """What had been finished when a node died, and was computed again or is different now."""
        starts, found = self._starts(), []
        for death in self.deaths:
            names = [str(path.relative_to(self._folder)) for path in death.finished]
            again = [name for name in names if starts[name] > death.starts[name]]
            found += [f"{name} was computed again" for name in again]
            found += [f"{path.name} changed or is gone" for path in changed(death.finished)]
        return found

    def _places(self, module: str) -> list[str]:
        nodes = sorted(set(self._slurm.running().values()))
        return [node for node in nodes if module in self._modules(node)]

    def _kill(self, node: str, during: str) -> None:
        before, starts = finished(self._folder), self._starts()
        self._slurm.kill_node(node)
        self.deaths.append(Death(node, during, before, starts))

    def _starts(self) -> Counter[str]:
        return Counter(output for _, outputs in jobs(self.said) for output in outputs)

    def _modules(self, node: str) -> list[str]:
        return sorted({_module(one) for one in self._slurm.on_node(node)} - {""})


def _module(process: psutil.Process) -> str:
    """What ``python -m`` runs there, if anything."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    return words[2] if words[1:2] == ["-m"] and len(words) > 2 else ""
