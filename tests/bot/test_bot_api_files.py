"""Files of users, downloaded over real HTTP: complete, limited in size, token never shown."""

import pytest
from telegram.error import NetworkError

from merlin.bot.bot_api import FileDownloader
from merlin.config.settings import MEGABYTE
from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.running_bot import run_with_bot
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional
QUICK = {"longest_pause_s": 0.02}


def send_file(telegram, content, name="лекция.pdf"):
    """Let anna send a file; return its id."""
    telegram.send_file("anna", Upload(name, "application/octet-stream", content))
    return telegram.log("anna")[-1].message["document"]["file_id"]


def fetch_file(telegram, file_id, limit=MEGABYTE, *, patience=QUICK):
    return run_with_bot(
        telegram.base_url,
        telegram.token,
        lambda bot: FileDownloader(bot, **patience).fetch(file_id, limit),
    )


def fetch_error(telegram, file_id, limit=MEGABYTE):
    with pytest.raises(Refused) as caught:
        fetch_file(telegram, file_id, limit)
    assert telegram.token not in repr(caught.value)
    return caught.value


def test_file_over_the_limit_is_refused(telegram):
    error = fetch_error(telegram, send_file(telegram, b"a" * (MEGABYTE + 1)))
    assert error.key == "media-too-large"
    assert text("en", error.key, **error.arguments).startswith(
        "The file is too large: I take"
    )


def test_file_over_telegrams_own_limit_is_refused_with_that_limit(telegram):
    error = fetch_error(
        telegram, send_file(telegram, bytes(20 * MEGABYTE + 1)), 50 * MEGABYTE
    )
    assert (error.key, error.arguments["megabytes"]) == ("media-too-large", 20)


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.CUT])
def test_download_is_retried_after_a_network_error(telegram, kind):
    file_id = send_file(telegram, b"whole")
    telegram.faults.add(Fault("getFile", kind, times=2))
    assert fetch_file(telegram, file_id) == b"whole"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("getFile", FaultKind.DROP, times=None),
        Fault("getFile", FaultKind.STATUS, times=None, status=502),
        Fault("getFile", FaultKind.STATUS, times=None, status=429, retry_after_s=1),
        Fault("getFile", FaultKind.HANG, times=None),
    ],
    ids=lambda fault: fault.kind,
)
def test_persistent_network_error_is_reported_without_the_token(telegram, fault):
    file_id = send_file(telegram, b"a")
    telegram.faults.add(fault)
    # Short only where no server answers.
    hasty = {**QUICK, "total_s": 0.2, "tries": 2}
    is_silent = fault.kind is FaultKind.HANG
    with pytest.raises(NetworkError) as caught:
        fetch_file(telegram, file_id, patience=hasty if is_silent else QUICK)
    assert telegram.token not in repr(caught.value)
    assert telegram.token not in repr(caught.value.__cause__)
