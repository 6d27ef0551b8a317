"""Downloads against a small server on this machine: broken off, resumed, checked."""

import hashlib
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sightline.scenes.download import COLUMNS, DownloadError, RemoteFile, fetch, find_file

CONTENT = random.Random(0).randbytes(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; ``breaks`` answers are cut off after a third of what they owe."""

    def __init__(self, ranges: bool = True, breaks: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges, self.breaks, self.asked = ranges, breaks, []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(BaseHTTPRequestHandler):
    """Answers with the file, or what is left of it."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.path != "/file.bin":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        rest = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            rest = rest[: len(rest) // 3]
        self.wfile.write(rest)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def serve():
    """Start a server; it stops with the test."""
    servers = []

    def start(**options):
        server = Server(**options)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def remote(server: Server, **changes) -> RemoteFile:
    about = {"name": "file.bin", "url": server.url, "size": len(CONTENT), "sha256": DIGEST}
    return RemoteFile(**about | changes)


def test_file_arrives_whole(serve, tmp_path):
    fetch(remote(serve()), tmp_path / "new" / "file.bin")
    assert (tmp_path / "new" / "file.bin").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.bin"]


def test_broken_download_goes_on_where_it_stopped(serve, tmp_path):
    server = serve(breaks=2)
    fetch(remote(server), tmp_path / "file.bin", pause=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    first = len(CONTENT) // 3
    second = first + (len(CONTENT) - first) // 3
    assert server.asked == [None, f"bytes={first}-", f"bytes={second}-"]


def test_later_call_goes_on_too(serve, tmp_path):
    server = serve(breaks=1)
    with pytest.raises(DownloadError, match=r"1000000 bytes are kept in .*file\.bin\.part"):
        fetch(remote(server), tmp_path / "file.bin", attempts=1)
    assert not (tmp_path / "file.bin").exists()
    fetch(remote(server), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=1000000-"


def test_server_without_ranges_starts_over(serve, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:500])
    fetch(remote(serve(ranges=False)), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_finished_part_is_not_asked_for_again(serve, tmp_path):
    server = serve()
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    fetch(remote(server), tmp_path / "file.bin")
    assert server.asked == []


def test_finished_part_of_unknown_size(serve, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    fetch(remote(serve(), size=None), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_longer_part_is_thrown_away(serve, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    fetch(remote(serve()), tmp_path / "file.bin", pause=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_wrong_bytes_never_take_the_name(serve, tmp_path):
    with pytest.raises(DownloadError, match="expected 3000000 bytes with 0000"):
        fetch(remote(serve(), sha256="0000"), tmp_path / "file.bin")
    assert list(tmp_path.iterdir()) == []


def test_unknown_checksum_is_reported(serve, tmp_path, caplog):
    fetch(remote(serve(), sha256=None), tmp_path / "file.bin")
    assert DIGEST in caplog.text


def test_refusal_is_not_repeated(serve, tmp_path):
    server = serve()
    absent = remote(server, url=server.url.replace("file.bin", "other"))
    with pytest.raises(DownloadError, match="404"):
        fetch(absent, tmp_path / "file.bin", pause=0)
    assert len(server.asked) == 1


def test_inventory_is_read(tmp_path):
    inventory = tmp_path / "datasets.csv"
    inventory.write_text(f"{','.join(COLUMNS)}\ncoco,a.zip,http://x/a.zip,12,ab,CC0,\n")
    assert find_file(inventory, "a.zip") == RemoteFile("a.zip", "http://x/a.zip", 12, "ab")
    with pytest.raises(DownloadError, match=r"no file b\.zip; listed are a\.zip"):
        find_file(inventory, "b.zip")


def test_malformed_inventory_is_named(tmp_path):
    inventory = tmp_path / "datasets.csv"
    inventory.write_text("file,url\n")
    with pytest.raises(DownloadError, match=r"datasets\.csv: expected the columns"):
        find_file(inventory, "a.zip")
