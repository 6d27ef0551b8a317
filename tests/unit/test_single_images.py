"""Images one by one or in an archive: what is cheaper, and that they arrive whole."""

import errno
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from absurd_images import png_that_claims
from mirror import Fault, serve
from sightline.scenes import single_images
from sightline.scenes.download import DownloadError
from sightline.scenes.inventory import RemoteFile
from sightline.scenes.single_images import (
    ARCHIVE,
    REQUEST_BYTES,
    SINGLE,
    choose_way,
    fetch_images,
    read_wanted,
    write_manifest,
)

VAL = RemoteFile(
    "val2017.zip", "http://x/val2017.zip", 815_585_330, None, files=5000, single_urls=("http://x",)
)


@given(st.integers(0, 5000))
def test_the_cheaper_way_is_taken(images):
    cost = images * (VAL.size / VAL.files + REQUEST_BYTES)
    way = choose_way(images, VAL)
    assert way.kind == (SINGLE if cost < VAL.size else ARCHIVE)
    assert way.transfer <= VAL.size


def test_a_few_images_come_one_by_one_and_all_in_the_archive():
    assert choose_way(100, VAL).kind == SINGLE
    assert choose_way(None, VAL).kind == ARCHIVE
    assert choose_way(7000, VAL).transfer == VAL.size


def test_the_reckoning_is_told():
    why = choose_way(100, VAL).why
    assert "at most 100 of 5000 images" in why and "816 MB" in why and "one by one" in why
    assert "as downloads.images says" in choose_way(100, VAL, "archive").why


@pytest.mark.parametrize("kind", [SINGLE, ARCHIVE])
def test_a_way_can_be_forced(kind):
    assert {choose_way(n, VAL, kind).kind for n in (1, None)} == {kind}


def test_without_addresses_of_images_there_is_the_archive_alone():
    bare = RemoteFile("a.zip", "http://x/a.zip", 10**9, None, files=10**6)
    assert choose_way(1, bare).kind == choose_way(1, bare, SINGLE).kind == ARCHIVE


def jpeg(seed: int, size=(24, 16)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 40 + seed).save(file, "JPEG")
    return file.getvalue()


WANTED = [(f"val2017/{number:012d}.jpg", (24, 16)) for number in range(12)]


@pytest.fixture
def server():
    with serve() as server:
        server.files = {f"/{name}": jpeg(place) for place, (name, _) in enumerate(WANTED)}
        yield server


def addresses(server) -> list[str]:
    return [f"{server.address}/val2017", f"{server.address}/copy/val2017"]


def test_images_arrive_with_their_checksums(server, tmp_path):
    rows = fetch_images(WANTED, addresses(server), tmp_path)
    assert [name for name, _ in rows] == [name for name, _ in WANTED]
    for name, digest in rows:
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
        assert (tmp_path / name).read_bytes() == server.files[f"/{name}"]


def test_what_is_there_is_not_asked_for_again(server, tmp_path):
    fetch_images(WANTED[:5], addresses(server), tmp_path)
    server.asked.clear()
    fetch_images(WANTED, addresses(server), tmp_path)
    assert {path for path, _ in server.asked} == {f"/{name}" for name, _ in WANTED[5:]}


@pytest.mark.parametrize("kind", ["refuse", "cut", "short", "other"])
def test_a_fault_is_followed_by_another_try(server, tmp_path, kind):
    name = WANTED[3][0]
    server.faults[f"/{name}"] = [Fault(kind, times=2)]
    fetch_images(WANTED, addresses(server), tmp_path, pause=0)
    assert (tmp_path / name).read_bytes() == server.files[f"/{name}"]


@pytest.mark.parametrize("there", [jpeg(0, (30, 30)), jpeg(0, (24, 16))[:-200], b"no image"])
def test_another_picture_of_that_name_is_not_taken_for_the_image(server, tmp_path, there):
    name = WANTED[3][0]
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(there)
    fetch_images(WANTED, addresses(server), tmp_path, pause=0)
    assert (tmp_path / name).read_bytes() == server.files[f"/{name}"]


def test_a_full_disk_is_no_fault_of_the_servers(server, tmp_path, monkeypatch):
    monkeypatch.setattr(single_images, "atomic_path", full)
    with pytest.raises(OSError, match="No space left"):
        fetch_images(WANTED[:1], addresses(server), tmp_path)
    assert len(server.asked) == 1


def full(path):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_next_server_has_what_the_first_has_not(server, tmp_path):
    name = WANTED[0][0]
    server.files[f"/copy/{name}"] = server.files.pop(f"/{name}")
    fetch_images(WANTED, addresses(server), tmp_path, pause=0)
    assert (tmp_path / name).is_file()


def test_images_that_cannot_be_had_are_told_and_the_others_kept(server, tmp_path):
    server.files.pop(f"/{WANTED[0][0]}")
    with pytest.raises(DownloadError, match=r"1 of 12 images not fetched.*404.*images: archive"):
        fetch_images(WANTED, addresses(server), tmp_path, pause=0)
    assert len(list((tmp_path / "val2017").iterdir())) == 11


def test_an_image_of_another_size_is_another_image(server, tmp_path):
    server.files[f"/{WANTED[0][0]}"] = jpeg(0, (30, 30))
    with pytest.raises(DownloadError, match=r"an image of \(30, 30\), annotated as \(24, 16\)"):
        fetch_images(WANTED[:1], addresses(server)[:1], tmp_path, attempts=1)


@pytest.mark.parametrize("side", [10_001, 2**31 - 1])
def test_a_bomb_is_refused_in_words(server, tmp_path, side):
    """Pillow's own limit is higher, and its error is none that a user is meant to read."""
    server.files[f"/{WANTED[0][0]}"] = png_that_claims(side, side)
    with pytest.raises(DownloadError, match=r"what came: .* are not unpacked"):
        fetch_images(WANTED[:1], addresses(server)[:1], tmp_path, attempts=1)
    assert not (tmp_path / WANTED[0][0]).exists()


def test_no_image_lands_outside(server, tmp_path):
    with pytest.raises(DownloadError, match="outside"):
        fetch_images([("../../evil.jpg", (1, 1))], addresses(server), tmp_path / "in")
    assert server.asked == []


def test_lists_are_read_and_written(tmp_path):
    (tmp_path / "wanted.csv").write_text("file,width,height,studies\nval2017/1.jpg,24,16,a;b\n")
    assert read_wanted(tmp_path / "wanted.csv") == [("val2017/1.jpg", (24, 16))]
    write_manifest([("val2017/1.jpg", "ab")], tmp_path / "list.csv")
    assert (tmp_path / "list.csv").read_text() == "file,sha256\nval2017/1.jpg,ab\n"
