"""A server on this machine that speaks like S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest


@contextmanager
def serve_s3() -> Iterator[str]:
    """Address of an empty bucket; the environment leads every client to it, also in other processes."""
    pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    settings = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing-key",
        "AWS_SECRET_ACCESS_KEY": "testing-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            # A filesystem made earlier in this process would still ask the server of an earlier test.
            S3FileSystem.clear_instance_cache()
            S3FileSystem().mkdir("traces")
            yield "s3://traces"
    finally:
        # Its buckets belong to the process, so that the next server would start with them.
        with urlopen(Request(f"{url}/moto-api/reset", method="POST")):
            pass
        server.stop()
