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


def test_damaged_archive_is_reported(archive, tmp_path):
    archive.write_bytes(archive.read_bytes().replace(b"one", b"eno", 1))
    with pytest.raises(ArchiveError, match="Delete it and run again"):
        unpack(archive, ["val/1.jpg"], tmp_path / "out")
    assert not (tmp_path / "out" / "val" / "1.jpg").exists()
