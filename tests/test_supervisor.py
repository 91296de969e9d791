"""The supervisor starts Merlin itself, wherever it is started."""

from __future__ import annotations

import signal

import pytest
from waiting import Deadline

from merlin import __version__
from merlin.supervisor import Child, Supervisor

pytestmark = pytest.mark.integration


@pytest.fixture
def signals():
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_a_folder_called_merlin_is_not_taken_for_the_package(tmp_path, monkeypatch):
    (tmp_path / "merlin").mkdir()
    monkeypatch.chdir(tmp_path)
    said = tmp_path / "said"
    deadline = Deadline(60)
    with said.open("wb") as out:
        Supervisor([Child("version", ["--version"])], out).run(
            lambda: not said.stat().st_size and not deadline.is_over()
        )
    assert said.read_text().splitlines()[0] == __version__
