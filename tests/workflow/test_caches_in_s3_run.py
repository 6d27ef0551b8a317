"""Rules write traces into a bucket and read them from there."""

from pathlib import Path

import fsspec
from snakemake_calls import ROOT, snakemake

from s3_server import serve_s3

TRACES = "results/mini/cache/mini-llava-phi/image_tokens"
MEAN = "results/mini/neo2025/mean_token/computed/mini-llava-phi.safetensors"


def test_the_mean_token_of_traces_in_a_bucket(tmp_path):
    def run(*options: str) -> str:
        file = str(ROOT / "config" / "mini.yaml")
        ran = snakemake(tmp_path, MEAN, "--cores", "1", "--configfile", file, *options)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    with serve_s3() as bucket:
        run("--config", f"caches={bucket}")
        stored = fsspec.filesystem("s3", skip_instance_cache=True).find("traces")
    assert (tmp_path / MEAN).exists()
    assert not list((tmp_path / TRACES).glob("shard-*"))
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(b"testing-secret" in file.read_bytes() for file in written)
    names = {Path(path).relative_to("traces").as_posix() for path in stored}
    folder = TRACES.removeprefix("results/")
    assert {f"{folder}/shard-0000.safetensors", f"{folder}/spec.json"} <= names
    # Another place is no reason to do anything again.
    assert "Nothing to be done" in run()
