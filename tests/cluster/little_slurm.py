"""A Slurm of two nodes on this machine: started without systemd, on loopback, and stopped without a trace."""

import getpass
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
NODES = ("one", "two")
CARD = "h100"
PATIENCE = 60
"""Seconds in which a daemon has to answer, or a node to be what it should be, on a busy machine."""

_TAKING = ("IDLE", "MIXED", "ALLOCATED")
"""States of a node that takes jobs: one may have come at once."""

# Debian puts the daemons where only root's search path leads.
_SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])

# Nodes are as large as is written here, whatever the machine has.
_CONFIGURATION = """
ClusterName=little
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
SlurmdTimeout=6
MinJobAge=3600
NodeName=one NodeHostname=localhost NodeAddr=127.0.0.1 Port={one} CPUs=4 RealMemory=64000 Gres=gpu:{card}:1
NodeName=two NodeHostname=localhost NodeAddr=127.0.0.1 Port={two} CPUs=4 RealMemory=64000 Gres=gpu:{card}:1
PartitionName=all Nodes=one,two Default=YES MaxTime=INFINITE State=UP
"""
# A card is something to count: any device file will do.
_CARDS = "NodeName=one,two Name=gpu Type={card} File=/dev/null\n"
# Jobs call srun without SLURM_CONF: the plugin takes all of Slurm's variables away, and usual clusters need none.
_SRUN = '#!/bin/sh\nSLURM_CONF="{folder}/slurm.conf" exec "{srun}" "$@"\n'


def missing() -> list[str]:
    """Programs of Slurm and munge that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=_SEARCH) is None]


class LittleSlurm:
    """A controller and two nodes with one card each.

    Args:
        folder: empty, for all they write. A socket is in it, so its path has to be short.

    Raises:
        RuntimeError: a daemon ended or stayed silent; the message has the end of what it said.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._daemons: dict[str, subprocess.Popen] = {}
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder / 'bin'}{os.pathsep}{_SEARCH}",
        }
        for name in ("bin", "state"):
            (folder / name).mkdir()
        srun = folder / "bin" / "srun"
        srun.write_text(_SRUN.format(folder=folder, srun=shutil.which("srun", path=_SEARCH)))
        srun.chmod(0o755)
        ports = dict(zip(("controller", *NODES), _free_ports(1 + len(NODES)), strict=True))
        (folder / "slurm.conf").write_text(
            _CONFIGURATION.format(folder=folder, user=getpass.getuser(), card=CARD, **ports)
        )
        (folder / "gres.conf").write_text(_CARDS.format(card=CARD))
        key = folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        try:
            self._start("munged", *_munge(folder))
            self._start("slurmctld", "slurmctld", "-D", "-i")
            for node in NODES:
                self._start(node, "slurmd", "-D", "-N", node)
            for node in NODES:
                self._await(node, *_TAKING)
        except BaseException:
            self.stop()
            raise

    def kill_node(self, node: str) -> None:
        """SIGKILL a node with everything on it, as a power cut does, and wait until the controller calls it down."""
        self._daemons[node].kill()
        while doomed := self.on_node(node):
            _kill(doomed)
        self._daemons.pop(node).wait()
        self._await(node, "DOWN")

    def revive_node(self, node: str) -> None:
        """Start a node again and wait until it takes jobs."""
        self._start(node, "slurmd", "-D", "-N", node)
        self._await(node, *_TAKING)

    def running(self) -> dict[str, str]:
        """Number of each job that runs -> its node."""
        lines = self.ask("squeue", "--noheader", "--states=running", "--format=%i %N").splitlines()
        return dict(line.split() for line in lines)

    def on_node(self, node: str) -> set[psutil.Process]:
        """Processes of jobs on a node, and of Slurm that look after them."""
        jobs = {one for one in self._own() if _environment(one).get("SLURMD_NODENAME") == node}
        return jobs | {parent for one in jobs for parent in _keepers(one)}

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints, complaints included."""
        ran = subprocess.run(
            command,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return ran.stdout

    def left(self) -> list[psutil.Process]:
        """Processes of steps and jobs that have not ended, and daemons that have not been stopped."""
        daemons = [psutil.Process(one.pid) for one in self._daemons.values()]
        return [*daemons, *self._own(), *(one for node in NODES for one in self.on_node(node))]

    def stop(self) -> None:
        """End all daemons, and kill what is left of jobs."""
        leftovers = {one for node in NODES for one in self.on_node(node)}
        for name in reversed(self._daemons):
            self._daemons[name].terminate()
            try:
                self._daemons[name].wait(10)
            except subprocess.TimeoutExpired:
                self._daemons[name].kill()
                self._daemons[name].wait()
        self._daemons.clear()
        _kill(leftovers)

    def _start(self, name: str, *command: str) -> None:
        with self._said(name).open("ab") as said:
            self._daemons[name] = subprocess.Popen(
                command,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _await(self, node: str, *wanted: str) -> None:
        """Wait for one of some states of a node. A question that nobody answers yet is asked again."""
        end = time.monotonic() + PATIENCE
        found = ""
        while found not in wanted:
            dead = [name for name, daemon in self._daemons.items() if daemon.poll() is not None]
            if dead or time.monotonic() > end:
                said = "\n".join(
                    f"{name}: {self._said(name).read_text(errors='replace')[-2000:]}"
                    for name in dead or self._daemons
                )
                raise RuntimeError(
                    f"node {node} is {found!r}, not {' or '.join(wanted)}; ended: {dead}\n{said}"
                )
            time.sleep(0.2)
            found = self._state(node)

    def _state(self, node: str) -> str:
        """What the controller thinks of a node, or nothing if it does not answer.

        sinfo calls a node that is down mixed for as long as it remembers a job on some of its cores.
        """
        said = self.ask("scontrol", "--oneliner", "show", "node", node)
        state, *marks = (re.findall(r" State=(\S+)", said) or [""])[0].split("+")
        return f"{state}, silent" if "NOT_RESPONDING" in marks and state != "DOWN" else state

    def _said(self, name: str) -> Path:
        return self._folder / f"{name}.said"

    def _own(self) -> set[psutil.Process]:
        """Processes with this configuration in their environment; not this one and what it has started itself."""
        ours = {os.getpid(), *(daemon.pid for daemon in self._daemons.values())}
        wanted = self.environment["SLURM_CONF"]
        return {
            one
            for one in psutil.process_iter()
            if one.pid not in ours and _environment(one).get("SLURM_CONF") == wanted
        }


def _munge(folder: Path) -> list[str]:
    """The call of munged; forced, because it does not like private folders."""
    files = {
        "socket": "socket",
        "key-file": "key",
        "pid-file": "pid",
        "log-file": "log",
        "seed-file": "seed",
    }
    places = [f"--{option}={folder}/munge.{ending}" for option, ending in files.items()]
    return ["munged", "--foreground", "--force", *places]


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def _keepers(process: psutil.Process) -> list[psutil.Process]:
    """Steps of Slurm above a process. They write their title over their environment."""
    try:
        return [one for one in process.parents() if one.name().startswith("slurmstepd")]
    except psutil.Error:
        return []


def _kill(processes: set[psutil.Process]) -> None:
    for one in processes:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=10)
