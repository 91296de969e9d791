"""The append-only file: whole lines only, whatever tore the last one."""

from __future__ import annotations

import pytest

from merlin.sandbox.server import AppendLog

pytestmark = pytest.mark.unit


def test_a_torn_line_is_cut_off_and_writing_goes_on(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": 2')
    journal = AppendLog(tmp_path, "log.jsonl")
    assert list(journal.replay()) == [{"a": 1}]
    journal.append({"c": 3})
    journal.close()
    assert list(AppendLog(tmp_path, "log.jsonl").replay()) == [{"a": 1}, {"c": 3}]
