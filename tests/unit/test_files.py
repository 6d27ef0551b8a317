"""Files are whole under their names, also after a power cut."""

import os

from sightline.files import write_json


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    file, flushed = tmp_path / "x.json", []

    def note(handle: int) -> None:
        flushed.append((file.exists(), os.fstat(handle).st_size))

    monkeypatch.setattr(os, "fsync", note)
    write_json({"a": 1}, file)
    assert flushed == [(False, file.stat().st_size)]
