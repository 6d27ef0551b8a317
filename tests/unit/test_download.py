"""Downloads against a small server on this machine: broken off, resumed, refused, checked."""

import hashlib
import random

import pytest

from mirror import Fault, serve
from sightline.scenes.download import DownloadError, fetch
from sightline.scenes.inventory import COLUMNS, InventoryError, RemoteFile, find_file

CONTENT = random.Random(0).randbytes(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATH, OTHER = "/zips/file.bin", "/copy/file.bin"


@pytest.fixture
def server():
    with serve() as server:
        server.files = {PATH: CONTENT, OTHER: CONTENT}
        yield server


def remote(server, **changes) -> RemoteFile:
    about = {"name": "file.bin", "url": f"{server.address}{PATH}", "size": len(CONTENT)}
    return RemoteFile(**about | {"sha256": DIGEST} | changes)


def with_copy(server, **changes) -> RemoteFile:
    return remote(server, alternates=(f"{server.address}{OTHER}",), **changes)


def test_file_arrives_whole(server, tmp_path):
    fetch(remote(server), tmp_path / "new" / "file.bin")
    assert (tmp_path / "new" / "file.bin").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.bin"]


def test_broken_download_goes_on_where_it_stopped(server, tmp_path):
    server.faults[PATH] = [Fault("cut", times=2)]
    fetch(remote(server), tmp_path / "file.bin", pause=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    first = len(CONTENT) // 3
    second = first + (len(CONTENT) - first) // 3
    assert server.asked == [(PATH, None), (PATH, f"bytes={first}-"), (PATH, f"bytes={second}-")]


def test_later_call_goes_on_too(server, tmp_path):
    server.faults[PATH] = [Fault("cut")]
    with pytest.raises(DownloadError, match=r"1000000 bytes are kept in .*file\.bin\.part"):
        fetch(remote(server), tmp_path / "file.bin", attempts=1)
    assert not (tmp_path / "file.bin").exists()
    fetch(remote(server), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked[-1] == (PATH, "bytes=1000000-")


def test_server_without_ranges_starts_over(tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:500])
    with serve(ranges=False) as server:
        server.files[PATH] = CONTENT
        fetch(remote(server), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_finished_part_is_not_asked_for_again(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    fetch(remote(server), tmp_path / "file.bin")
    assert server.asked == []


def test_finished_part_of_unknown_size(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    fetch(remote(server, size=None), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_longer_part_is_thrown_away(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    fetch(remote(server), tmp_path / "file.bin", pause=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_wrong_bytes_never_take_the_name(server, tmp_path):
    with pytest.raises(DownloadError, match="expected 3000000 bytes with 0000"):
        fetch(remote(server, sha256="0000"), tmp_path / "file.bin")
    assert list(tmp_path.iterdir()) == []


def test_file_without_sha256_is_held_against_md5(server, tmp_path):
    good = hashlib.md5(CONTENT).hexdigest()
    fetch(remote(server, sha256=None, md5=good), tmp_path / "file.bin")
    with pytest.raises(DownloadError, match="with md5"):
        fetch(remote(server, sha256=None, md5="0" * 32), tmp_path / "other.bin")


def test_unknown_checksum_is_reported(server, tmp_path, caplog):
    fetch(remote(server, sha256=None), tmp_path / "file.bin")
    assert DIGEST in caplog.text


def test_refusal_is_not_repeated(server, tmp_path):
    server.files.clear()
    with pytest.raises(DownloadError, match="404"):
        fetch(remote(server), tmp_path / "file.bin", pause=0)
    assert len(server.asked) == 1


def test_busy_server_is_asked_again(server, tmp_path):
    server.faults[PATH] = [Fault("refuse"), Fault("refuse", code=429)]
    fetch(remote(server), tmp_path / "file.bin", pause=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_redirect_keeps_the_place_in_the_file(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1234])
    server.faults[PATH] = [Fault("redirect", place=OTHER)]
    fetch(remote(server), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [(PATH, "bytes=1234-"), (OTHER, "bytes=1234-")]


def test_length_that_is_too_short_is_no_whole_file(server, tmp_path):
    """A proxy that cut the file, and tells the length of what it has."""
    server.faults[PATH] = [Fault("short")]
    fetch(remote(server), tmp_path / "file.bin", pause=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked[-1] == (PATH, "bytes=1000000-")


def test_next_server_goes_on_where_the_first_left_off(server, tmp_path):
    server.faults[PATH] = [Fault("cut"), Fault("refuse", times=9)]
    fetch(with_copy(server), tmp_path / "file.bin", attempts=2, pause=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked[-1] == (OTHER, "bytes=1000000-")


def test_server_with_other_bytes_is_left_for_the_next(server, tmp_path):
    server.faults[PATH] = [Fault("other")]
    fetch(with_copy(server), tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == [(PATH, None), (OTHER, None)]


def test_slow_drip_is_left_for_the_next_server(server, tmp_path):
    server.faults[PATH] = [Fault("drip", times=9)]
    fetch(with_copy(server), tmp_path / "file.bin", attempts=1, patience=0.3)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_all_refusals_are_told(server, tmp_path):
    server.files.clear()
    with pytest.raises(DownloadError) as told:
        fetch(with_copy(server), tmp_path / "file.bin", pause=0)
    assert PATH in str(told.value) and OTHER in str(told.value)


def test_file_fetched_by_hand_is_checked_and_taken(server, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "file.bin").write_bytes(CONTENT)
    fetch(remote(server), tmp_path / "file.bin", data_dir=own)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.asked == []


def test_a_link_to_a_file_fetched_by_hand_leads_somewhere(server, tmp_path):
    """As the cache of the hub has them: relative to their own folder."""
    blobs = tmp_path / "own" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "abc").write_bytes(CONTENT)
    (tmp_path / "own" / "file.bin").symlink_to("blobs/abc")
    fetch(remote(server), tmp_path / "file.bin", data_dir=tmp_path / "own")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_wrong_file_fetched_by_hand_is_left_alone(server, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "file.bin").write_bytes(b"something else")
    with pytest.raises(DownloadError, match="left alone"):
        fetch(remote(server), tmp_path / "file.bin", data_dir=own)
    assert (own / "file.bin").read_bytes() == b"something else"


@pytest.mark.parametrize("access", ["by hand", "gated"])
def test_file_that_needs_a_person_says_what_to_do(server, tmp_path, access):
    with pytest.raises(DownloadError, match=r"Save it as file\.bin\. .*downloads\.data_dir"):
        fetch(remote(server, access=access, note="Save it as file.bin."), tmp_path / "file.bin")
    assert server.asked == []


def row(**changes: str) -> str:
    values = dict.fromkeys(COLUMNS, "unknown") | {"file": "a.zip", "url": "http://x/a.zip"}
    values |= {"access": "open", "alternates": "http://y/a.zip http://z/a.zip", "single_urls": ""}
    return ",".join((values | changes).values())


def test_inventory_is_read(tmp_path):
    inventory = tmp_path / "datasets.csv"
    inventory.write_text(f"{','.join(COLUMNS)}\n{row(bytes='12', sha256='ab', files='3')}\n")
    found = find_file(inventory, "a.zip")
    assert (found.size, found.sha256, found.md5, found.files) == (12, "ab", None, 3)
    assert found.urls == ("http://x/a.zip", "http://y/a.zip", "http://z/a.zip")
    with pytest.raises(InventoryError, match=r"no file b\.zip; listed are a\.zip"):
        find_file(inventory, "b.zip")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("file,url\n", "expected the columns"),
        (f"{','.join(COLUMNS)}\n{row(bytes='about 3 GB')}\n", r"bytes of a\.zip is 'about 3 GB'"),
        (f"{','.join(COLUMNS)}\n{row(access='maybe')}\n", r"access of a\.zip is 'maybe'"),
    ],
)
def test_malformed_inventory_is_named(tmp_path, content, told):
    inventory = tmp_path / "datasets.csv"
    inventory.write_text(content)
    with pytest.raises(InventoryError, match=rf"datasets\.csv: {told}"):
        find_file(inventory, "a.zip")
