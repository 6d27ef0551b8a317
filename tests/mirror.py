"""A server on this machine that serves files as the published ones are, with the faults that servers have."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Fault:
    """What goes wrong with an answer.

    Attributes:
        kind: "cut" closes after a third, "refuse" answers with ``code``, "drip" sends a few bytes at a time,
            "redirect" names another place, "short" tells a third as the whole length, "other" sends other bytes.
        times: answers it holds for.
        code: of a refusal.
        place: of a redirect.
    """

    kind: str
    times: int = 1
    code: int = 503
    place: str = ""


@dataclass
class Hub:
    """A model on a hub: its files at one commit."""

    commit: str
    files: Mapping[str, bytes] = field(default_factory=dict)


class Mirror(ThreadingHTTPServer):
    """Serves ``files`` by path, and ``hub`` by owner/name as the Hugging Face hub does.

    Attributes:
        asked: (path, Range header or None) of every GET so far.
    """

    daemon_threads = True

    def __init__(self, ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ranges = ranges
        self.files: dict[str, bytes] = {}
        self.hub: dict[str, Hub] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.asked: list[tuple[str, str | None]] = []

    @property
    def address(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self.server_port}"

    def add_folder(self, repository: str, commit: str, folder: Path) -> None:
        """Put a checkpoint's folder on the hub."""
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self.hub[repository] = Hub(commit, files)

    def fault(self, path: str) -> Fault | None:
        """What goes wrong with the next answer about a path."""
        for fault in self.faults.get(path, []):
            if fault.times > 0:
                fault.times -= 1
                return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    server: Mirror
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((path, self.headers.get("Range")))
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            self._about(path)
            return
        headers, content = {}, self.server.files.get(path)
        if content is None and "/resolve/" in path:
            repository, _, rest = path.strip("/").partition("/resolve/")
            model = self.server.hub.get(repository)
            if model:
                content = model.files.get(rest.partition("/")[2])
                headers = {"X-Repo-Commit": model.commit}
        fault = self.server.fault(path) if body else None
        if content is None:
            self._refuse(404)
            return
        if fault and fault.kind == "refuse":
            self._refuse(fault.code)
            return
        if fault and fault.kind == "redirect":
            self._send(302, b"", {"Location": fault.place}, body)
            return
        headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        if fault and fault.kind == "other":
            content = bytes(len(content))
        asked = self.headers.get("Range") if self.server.ranges else None
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        if start >= len(content) and asked:
            self._refuse(416)
            return
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206 if asked else 200, content[start:], headers, body, fault)

    def _about(self, path: str) -> None:
        """What the hub's interface says of a model: its commit and the names of its files."""
        repository = "/".join(path.split("/")[3:5])
        model = self.server.hub.get(repository)
        if model is None:
            self._refuse(404)
            return
        files = [
            {
                "type": "file",
                "path": name,
                "rfilename": name,
                "size": len(content),
                "oid": hashlib.sha1(content).hexdigest(),
            }
            for name, content in model.files.items()
        ]
        about = {"id": repository, "sha": model.commit, "siblings": files}
        told = files if "/tree/" in path else about
        self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"}, True)

    def _refuse(self, code: int) -> None:
        self._send(code, b"", {}, False)

    def _send(
        self,
        code: int,
        content: bytes,
        headers: Mapping[str, str],
        body: bool,
        fault: Fault | None = None,
    ) -> None:
        kind = fault.kind if fault else ""
        told = len(content) // 3 if kind == "short" else len(content)
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(told))
        self.end_headers()
        if not body:
            return
        if kind == "drip":
            for place in range(0, 10_000):
                self.wfile.write(content[place : place + 1])
                time.sleep(0.02)
            return
        self.wfile.write(content[: len(content) // 3] if kind in ("cut", "short") else content)
        if kind == "cut":
            self.close_connection = True

    def handle(self) -> None:
        """A client that hangs up is no error."""
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serve(ranges: bool = True) -> Iterator[Mirror]:
    """A server for as long as the block lasts."""
    server = Mirror(ranges)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
