"""Runs of the workflow that are killed at random moments and called again, until they are through."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from run_files import CALL, calls, changed, digests, finished, started
from snakemake_calls import ROOT, snakemake, tiny_config

TARGET = "neo2025_tab1"
"""One part of a study: a world, a trace set, three jobs with a model and its interventions, tables."""
VICTIMS = ("job", "snakemake", "everything")
SHARE = 0.3
"""A run is killed within this share of the time that an undisturbed one takes, in which its longest job is through."""
_SECRET = "a-token-that-nobody-may-see"


@dataclass(frozen=True)
class Kill:
    """One interruption.

    Attributes:
        moment: seconds after the call.
        victim: what was killed.
        during: rules whose jobs were under way.
        finished: files of jobs that had finished.
    """

    moment: float
    victim: str
    during: tuple[str, ...]
    finished: dict[Path, bytes] = field(repr=False)


@dataclass
class Report:
    """What was tried and what was lost."""

    kills: list[Kill] = field(default_factory=list)
    runs: int = 0
    repeated: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Lines for a person to read."""
        lines = [
            f"kill {number}: {kill.victim} after {kill.moment:.1f} s, during "
            f"{', '.join(kill.during) or 'no job'}; {len(kill.finished)} files finished"
            for number, kill in enumerate(self.kills, 1)
        ]
        counts = ", ".join(
            f"{sum(kill.victim == one for kill in self.kills)} of {one}" for one in VICTIMS
        )
        lost = [*self.repeated, *self.changed]
        return "\n".join(
            [
                *lines,
                f"{len(self.kills)} kills ({counts}) in {self.runs} runs to the end.",
                f"Lost: {'; '.join(lost) if lost else 'nothing'}.",
            ]
        )


class InterruptedRuns:
    """Kills and resumes, and compares with what nobody disturbed.

    Args:
        folder: to run in.
        seed: of moments and victims.
        model: folder of the model.
    """

    def __init__(self, folder: Path, seed: int, model: Path) -> None:
        self._folder, self._model = folder, model
        self._random = random.Random(seed)
        self._orphans: list[psutil.Process] = []
        self.report = Report()
        undisturbed = self._prepare("undisturbed")
        start = time.monotonic()
        process = self._start(undisturbed)
        process.wait()
        self.duration = time.monotonic() - start
        assert process.returncode == 0, _log(undisturbed)
        self.wanted = digests(undisturbed)

    def disturb(self, victims: tuple[str, ...]) -> None:
        """One run to the end; each victim is killed once unless the run is through before."""
        self.report.runs += 1
        folder = self._prepare(f"run{self.report.runs}")
        for victim in victims:
            kill = self._interrupt(folder, victim)
            if kill is None:
                break
            self.report.kills.append(kill)
            self._unlock(folder)
        process = self._start(folder)
        process.wait()
        assert process.returncode == 0, _log(folder)
        # What a job without a Snakemake writes in the end must do no harm either.
        psutil.wait_procs(self._orphans)
        self._compare(folder)

    def _prepare(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        tiny_config(folder, self._model)
        return folder

    def _start(self, folder: Path) -> subprocess.Popen:
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        with (folder / "calls.log").open("ab") as log:
            # Marks where the output of this call begins.
            log.write(f"\n{CALL}\n".encode())
            log.flush()
            return subprocess.Popen(
                [*command, TARGET, "--directory", folder, "--cores", "1", "--configfile", folder / "tiny.yaml"],
                cwd=folder,
                env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "HF_TOKEN": _SECRET},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def _interrupt(self, folder: Path, victim: str) -> Kill | None:
        """Call, wait for the moment, kill; None where the run was through before."""
        before = finished(folder)
        process = self._start(folder)
        # Mostly early, so that a hundred kills do not take a day.
        moment = SHARE * self.duration * self._random.random() ** 2
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            during = self._kill(process, victim)
            process.wait()
        self._check_kept(folder, before)
        if process.returncode == 0:
            return None
        return Kill(moment, victim, during, finished(folder))

    def _kill(self, process: subprocess.Popen, victim: str) -> tuple[str, ...]:
        """SIGKILL a job, Snakemake alone (its job lives on beside the next call), or everything as a power cut does.

        Returns the jobs that were under way. A job to kill is waited for, unless the run is through before one starts.
        """
        inside = _descendants(process.pid)
        while victim == "job" and not any(map(_module, inside)) and process.poll() is None:
            time.sleep(0.05)
            inside = _descendants(process.pid)
        jobs = [one for one in inside if _module(one)]
        during = tuple(sorted({_module(one) for one in jobs}))
        doomed = {"job": jobs[:1], "snakemake": [], "everything": inside}[victim]
        if victim != "job":
            process.send_signal(signal.SIGKILL)
        if victim == "snakemake":
            self._orphans += inside
        for one in doomed:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        return during

    def _unlock(self, folder: Path) -> None:
        """What a user does after a kill: Snakemake asks for it by name where its lock is left."""
        if any((folder / ".snakemake" / "locks").glob("*")):
            freed = snakemake(folder, "--unlock", "--configfile", folder / "tiny.yaml")
            assert freed.returncode == 0, freed.stdout

    def _check_kept(self, folder: Path, before: dict[Path, bytes]) -> None:
        """Nothing that had finished was computed again or is different."""
        here = f"run {self.report.runs}"
        again = started(calls(folder)[-1]) & {str(path.relative_to(folder)) for path in before}
        self.report.repeated += [f"{here}: {name} was computed again" for name in sorted(again)]
        self.report.changed += [
            f"{here}: {path.relative_to(folder)} changed or is gone" for path in changed(before)
        ]

    def _compare(self, folder: Path) -> None:
        found = digests(folder)
        names = sorted(self.wanted.keys() | found.keys())
        self.report.changed += [
            f"run {self.report.runs}: {name} differs from the undisturbed run"
            for name in names
            if self.wanted.get(name) != found.get(name)
        ]

    def files_with_secret(self) -> list[Path]:
        """Files of all runs, logs of Snakemake included, that repeat a secret of the environment."""
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        return [path for path in files if _SECRET.encode() in path.read_bytes()]


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _module(process: psutil.Process) -> str:
    """The command of the library that a process runs, or an empty text."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    named = [word for word in words if re.fullmatch(r"sightline[\w.]+", word)]
    return named[0].removeprefix("sightline.") if named and "-m" in words else ""


def _log(folder: Path) -> str:
    return (folder / "calls.log").read_text(errors="replace")
