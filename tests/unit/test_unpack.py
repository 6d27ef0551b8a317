"""Archives are unpacked below one folder, with a checksum of every file."""

import hashlib
import zipfile

import pytest

from sightline.scenes.unpack import ArchiveError, folder_members, unpack


@pytest.fixture
def archive(tmp_path):
    """Two images in a folder, one file beside it."""
    path = tmp_path / "val.zip"
    with zipfile.ZipFile(path, "w") as content:
        content.mkdir("val")
        content.writestr("val/2.jpg", b"two")
        content.writestr("val/1.jpg", b"one")
        content.writestr("readme.txt", b"hello")
    return path


def test_folder_is_unpacked_in_order(archive, tmp_path):
    written = unpack(archive, folder_members(archive, "val"), tmp_path / "out")
    assert [name for name, _ in written] == ["val/1.jpg", "val/2.jpg"]
    assert written[0][1] == hashlib.sha256(b"one").hexdigest()
    assert (tmp_path / "out" / "val" / "2.jpg").read_bytes() == b"two"
    assert not (tmp_path / "out" / "readme.txt").exists()


def test_other_folder_is_reported(archive):
    with pytest.raises(ArchiveError, match=r"train"):
        folder_members(archive, "train")


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt"])
def test_nothing_leaves_the_folder(tmp_path, name):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as content:
        content.writestr(name, b"x")
    with pytest.raises(ArchiveError, match="outside the archive"):
        unpack(path, [name], tmp_path / "out")


def test_what_cannot_be_unpacked_is_reported(tmp_path):
    """A byte flipped in a packed member, one in a method of packing that nobody knows, an encrypted one."""
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("a.txt", bytes(range(256)) * 8)
    whole = path.read_bytes()
    # Local header: flags at 6, method at 8, data from 35 on; the directory repeats flags and method 2 bytes later.
    directory = whole.index(b"PK\x01\x02")
    for places, value in (([35], 0xFF), ([8, directory + 10], 77), ([6, directory + 8], 1)):
        changed = bytearray(whole)
        for place in places:
            changed[place] = value
        path.write_bytes(changed)
        with pytest.raises(ArchiveError, match="Delete it and run again"):
            unpack(path, ["a.txt"], tmp_path / "out")


def test_damaged_archive_is_reported(archive, tmp_path):
    archive.write_bytes(archive.read_bytes().replace(b"one", b"eno", 1))
    with pytest.raises(ArchiveError, match="Delete it and run again"):
        unpack(archive, ["val/1.jpg"], tmp_path / "out")
    assert not (tmp_path / "out" / "val" / "1.jpg").exists()
