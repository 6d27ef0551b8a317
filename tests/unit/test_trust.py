"""What a downloaded file could abuse: every call that reads more than plain data is listed here, and why it is safe."""

import ast
import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sightline.redaction import HIDDEN, Redacting, holds_password, redact
from sightline.sources import LIBRARY

ROOT = Path(__file__).parents[2]
RISKY = re.compile(
    r"(eval|exec|compile|__import__|breakpoint)"
    r"|(pickle|_pickle|cPickle|dill|cloudpickle|marshal|shelve|joblib)\.(load|loads|Unpickler|_Unpickler|open)"
    r"|torch\.(load|jit\.load|hub\.load|compile)|(np|numpy)\.load|(pd|pandas)\.read_(pickle|hdf)"
    r"|yaml\.(load|load_all|unsafe_load|full_load|Loader|UnsafeLoader|FullLoader)"
    r"|subprocess\.\w+|os\.(system|popen|exec\w*|spawn\w*)"
    r"|(zipfile\.ZipFile|tarfile\.(open|TarFile)|shutil\.unpack_archive)|\w+\.(extractall|extract)"
    r"|(importlib\.)?import_module|runpy\.\w+|(urllib\.request\.)?(urlopen|build_opener)|xml\.\w+(\.\w+)*"
)
ALLOWED = {
    ("scenes/refer.py", "pickle._Unpickler"): "refuses every import; lists, dictionaries, text, numbers",
    ("scenes/unpack.py", "zipfile.ZipFile"): "members are named, and none leads outside the folder",
    ("models/conversion/stored.py", "torch.load"): "weights_only: tensors and nothing else",
    ("instruments/published_mean.py", "torch.load"): "weights_only: tensors and nothing else",
    ("demo/training_set.py", "torch.load"): "weights_only, and written by this machine",
    ("demo/segmenter_variants.py", "torch.load"): "weights_only, and written by this machine",
    ("demo/stage.py", "torch.load"): "weights_only, and written by this machine",
    ("models/loading.py", "import_module"): "of an adapter whose family was checked against a list",
    ("models/encoders/stages.py", "import_module"): "of transformers, by a name from this library",
    ("studies/qian2025/masks/geometry.py", "import_module"): "of an adapter whose family was checked",
    ("scenes/download.py", "urllib.request.urlopen"): "of the inventory; size and sha256 are checked where known",
    ("scenes/single_images.py", "urllib.request.urlopen"): "of the inventory; kept if an image of the annotated size",
    ("report/gallery/record.py", "subprocess.run"): "git, with words of this library",
    ("studies/qian2025/items/explorer.py", "import_module"): "of an adapter whose family was checked",
    ("studies/judging/endpoint.py", "urllib.request.build_opener"): "the address of the configuration, no redirects",
    ("models/leases.py", "subprocess.run"): "nvidia-smi, with words of this library",
    ("bench/fresh_processes.py", "subprocess.run"): "this interpreter with a module of this library",
}  # fmt: skip
"""(module, call) -> why nothing in a downloaded file can misuse it."""


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of an attribute or a name, else an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else f"_.{node.attr}"
    return ""


def risky_uses(source: str) -> set[str]:
    """Names of what can run or unpack things, wherever they stand in a module."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute | ast.Name):
            names = [dotted(node)]
        else:
            continue
        found |= {name for name in names if RISKY.fullmatch(name)}
    return {name for name in found if name != "importlib.import_module"}


def library() -> dict[str, str]:
    root = LIBRARY / "sightline"
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.py"))}


def test_every_risky_call_is_known_and_justified():
    """A new one belongs into the list above, with its reason, or out of the library."""
    found = {(name, use) for name, source in library().items() for use in risky_uses(source)}
    assert found == ALLOWED.keys()


@pytest.mark.parametrize(
    "line",
    [
        "eval(x)", "pickle.load(f)", "from pickle import loads", "torch.load(f)", "np.load(f)", "yaml.load(f)",
        "subprocess.Popen(x)", "os.system(x)", "archive.extractall()", "tarfile.open(f)", "pd.read_pickle(f)",
        "import importlib\nimportlib.reload(x).load\nimport_module(x)", "joblib.load(f)",
    ],
)  # fmt: skip
def test_the_scan_sees_what_it_looks_for(line):
    assert risky_uses(line)


def calls(name: str):
    """(module, call) of every call whose last name is ``name``."""
    for module, source in library().items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] == name:
                yield module, dotted(node.func), node


def test_torch_unpickles_tensors_alone():
    found = [(module, node) for module, full, node in calls("load") if full == "torch.load"]
    assert found
    for module, node in found:
        given = {word.arg: word.value for word in node.keywords}
        assert isinstance(given.get("weights_only"), ast.Constant), module
        assert given["weights_only"].value is True, module


def test_no_code_of_a_checkpoint_is_trusted():
    for module, source in library().items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, module
            if isinstance(node, ast.keyword) and node.arg in ("shell", "allow_pickle"):
                assert isinstance(node.value, ast.Constant) and node.value.value is False, module


def test_what_is_said_about_checksums_is_counted():
    """How many weights and files have one, and how many checkpoints follow a branch."""
    said = (ROOT / "SECURITY.md").read_text()
    counts = {}
    for name in ("models", "datasets"):
        with (ROOT / "resources" / f"{name}.csv").open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        known = sum(row["sha256"] != "unknown" for row in rows)
        counts[name] = f"{known} of the {len(rows)} "
    assert f"{counts['models']}checkpoints" in said and f"{counts['datasets']}files" in said
    followed = (ROOT / "config" / "paper.yaml").read_text().count("revision: main")
    assert f"{followed} entries of `config/paper.yaml`" in said


def test_checkpoints_are_fetched_without_code():
    from sightline.models.fetch import PATTERNS

    assert not any(pattern.endswith((".py", ".pkl", ".pt", ".pth", "*")) for pattern in PATTERNS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET https://me:word@host/x failed", "GET https://***@host/x failed"),
        ("https://hf_abc@host/x", "https://***@host/x"),
        ("https://host/x?token=abcdef&y=1", "https://host/x?token=***&y=1"),
        ("https://host/x?X-Amz-Signature=abc&Expires=3", "https://host/x?X-Amz-Signature=***&Expires=3"),
        ("mail me@host, see https://host/a@b", "mail me@host, see https://host/a@b"),
        ("the token is hf_123456789 here", "the token is *** here"),
        ("TOKENIZERS_PARALLELISM=false", "TOKENIZERS_PARALLELISM=false"),
    ],
)  # fmt: skip
def test_secrets_are_hidden_and_nothing_else(text, expected):
    environment = {
        "HF_TOKEN": "hf_123456789",
        "TOKENIZERS_PARALLELISM": "false",
        "HOME": "/home/someone",
    }
    assert redact(text, environment) == expected


def test_addresses_with_passwords_are_recognised():
    assert holds_password("s3://key:secret@bucket/x")
    assert not holds_password("https://api.openai.com/v1")


FAILING = """
import argparse, logging, sys
from tqdm import tqdm
from sightline import cli
from sightline.errors import SightlineError

def main(options):
    logging.getLogger("x").warning("Authorization: Bearer %s", options.secret)
    tqdm.write(options.secret, file=sys.stderr)
    if options.how == "error":
        raise SightlineError(f"https://me:{options.secret}@host/x: refused")
    raise RuntimeError(f"unexpected: {options.secret}")

parser = argparse.ArgumentParser()
parser.add_argument("how")
parser.add_argument("secret")
cli.run(main, parser)
"""


@pytest.mark.parametrize("how", ["error", "bug"])
def test_a_token_of_the_environment_is_in_no_log(how):
    """Neither in messages of libraries, nor in errors for users, nor in a traceback of a bug."""
    secret = "hf_abcdefghijklmnop"
    ran = subprocess.run(
        [sys.executable, "-c", FAILING, how, secret],
        env=os.environ | {"PYTHONPATH": str(LIBRARY), "HF_TOKEN": secret},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert secret not in ran.stderr + ran.stdout
    assert ran.stderr.count(HIDDEN) >= 3
    assert ("Traceback" in ran.stderr) == (how == "bug")


def test_the_stream_is_otherwise_the_one_it_wraps(tmp_path):
    with (tmp_path / "log").open("w") as file:
        stream = Redacting(file)
        assert stream.write("https://a:b@c\n") == 14
        stream.flush()
        assert stream.fileno() == file.fileno() and stream.isatty() is False
    assert (tmp_path / "log").read_text() == "https://***@c\n"


def test_nobody_keeps_a_secret_in_the_repository():
    """Shapes of real keys, in anything that is text."""
    keys = re.compile(
        r"\b(hf_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{30,})\b"
    )
    tops = ("workflow", "config", "envs", "profiles", "docs", "tests", "resources", "notebooks")
    read = 0
    for top in tops:
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and path.suffix in (
                ".py",
                ".smk",
                ".yaml",
                ".md",
                ".csv",
                ".txt",
                ".json",
                ".ipynb",
            ):
                read += 1
                assert not keys.search(path.read_text(errors="replace")), path
    assert read > 100  # fmt: skip
