"""The restart delay after crashes of a base's process."""

import signal

import pytest

from merlin.engine.serving.base import RestartPolicy, Unavailable

pytestmark = pytest.mark.unit


def test_repeated_crashes_cause_a_pause_with_the_reason_and_advice():
    deaths = RestartPolicy("tiny")
    for _ in range(2):
        deaths.note_end(-signal.SIGKILL)
    with pytest.raises(Unavailable, match=r"want of memory.*smaller base.*2 times in a row"):
        deaths.check()


def test_answer_resets_the_crash_count():
    deaths = RestartPolicy("tiny")
    deaths.note_end(1, "no such device")
    deaths.note_answer()
    assert "no such device" in str(deaths.note_end(1, "no such device"))
    deaths.check()
    assert deaths.restarts == 2
