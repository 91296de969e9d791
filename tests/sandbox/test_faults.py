"""Injected faults: selection in memory, effects over real connections."""

import pytest
from telegram.error import NetworkError, RetryAfter

from tests.support.faults import Fault, FaultKind, Faults

SEND = "sendMessage"


@pytest.mark.unit
def test_fault_occurs_as_often_as_configured():
    faults = Faults(Fault(SEND, FaultKind.DROP, times=2, skip=1))
    hits = [faults.take(SEND, {}) is not None for _ in range(5)]
    assert hits == [False, True, True, False, False]
    assert not faults


@pytest.mark.functional
@pytest.mark.parametrize(
    ("kind", "carried_out"),
    [
        (FaultKind.REFUSE, 0),
        (FaultKind.DROP, 1),
        (FaultKind.CUT, 1),
        (FaultKind.HANG, 1),
    ],
)
def test_connection_fault_ends_without_a_response(telegram, call, kind, carried_out):
    telegram.faults.add(Fault(SEND, kind, seconds=0.05))
    with pytest.raises(NetworkError):
        call(lambda bot: bot.send_message(1001, "a"))
    assert len(telegram.log("anna")) == carried_out
    call(lambda bot: bot.send_message(1001, "b"))


@pytest.mark.functional
def test_flood_wait_names_its_seconds_and_executes_nothing(telegram, call):
    telegram.faults.add(Fault(SEND, FaultKind.STATUS, status=429, retry_after_s=12))
    with pytest.raises(RetryAfter) as caught:
        call(lambda bot: bot.send_message(1001, "a"))
    assert caught.value.retry_after.total_seconds() == 12
    assert telegram.log("anna") == []
