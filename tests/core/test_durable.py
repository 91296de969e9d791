"""Files that are whole or not there."""

from __future__ import annotations

import pytest

from merlin.core import durable_files

pytestmark = pytest.mark.unit


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    def fill(path):
        path.write_text("half")
        raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        durable_files.write_durably(tmp_path / "a" / "model", fill)
    assert list((tmp_path / "a").iterdir()) == []


def test_a_folder_takes_its_name_as_a_whole(tmp_path):
    def fill(path):
        path.mkdir()
        (path / "weights").write_text("w")

    durable_files.write_durably(tmp_path / "model", fill)
    assert (tmp_path / "model" / "weights").read_text() == "w"
    durable_files.remove_durably(tmp_path / "model")
    durable_files.remove_durably(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
