"""The append-only log: an incomplete last line is cut off."""

import pytest

from merlin.sandbox.server import AppendLog

pytestmark = pytest.mark.unit


def test_incomplete_last_line_is_removed_and_writing_continues(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": 2')
    log = AppendLog(tmp_path, "log.jsonl")
    assert list(log.replay()) == [{"a": 1}]
    log.append({"c": 3})
    log.close()
    assert list(AppendLog(tmp_path, "log.jsonl").replay()) == [{"a": 1}, {"c": 3}]
