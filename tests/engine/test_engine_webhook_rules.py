"""The addresses that webhooks may be sent to, and the retry delays."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from merlin.config.engine import EngineSettings
from merlin.core.clock import utc_now
from merlin.engine.webhooks.delivery import MAX_RETRY_AFTER_S, read_retry_after_s
from merlin.engine.webhooks.endpoints import (
    RETRY_DELAYS_S,
    SsrfGuard,
    compute_retry_delay_s,
    is_public,
)
from tests.support.http_servers import SECRET

pytestmark = pytest.mark.unit


def allow_every_address(**options):
    return EngineSettings(Path("nowhere"), "0.0.0.0", 0, "key", **options)  # noqa: S104


def test_name_resolving_to_loopback_is_not_called_by_a_public_engine():
    walls = SsrfGuard(allow_every_address())
    walls.check("https://localhost/")
    assert not walls.is_allowed("localhost", "127.0.0.1")
    assert walls.is_allowed("example.com", "93.184.216.34")


def test_host_named_in_the_configuration_may_be_private():
    walls = SsrfGuard(allow_every_address(webhooks={"http://api:8701/hooks/provider": SECRET}))
    walls.check("http://api:8701/hooks/provider")
    assert walls.is_allowed("api", "10.0.0.1")
    assert not walls.is_allowed("other", "10.0.0.1")


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),  # noqa: S104 - judged
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b:1::7f00:1", False),
        ("::ffff:0:7f00:1", False),
        ("::7f00:1", False),
        ("fec0::1", False),
    ],
)
def test_only_public_internet_addresses_are_allowed(address, is_open):
    assert is_public(address) is is_open


def test_retry_delays_grow_with_jitter():
    for tries, usual in enumerate([*RETRY_DELAYS_S, RETRY_DELAYS_S[-1]]):
        pauses = {compute_retry_delay_s(tries) for _ in range(20)}
        assert len(pauses) > 1
        assert all(0.8 * usual <= pause <= 1.2 * usual for pause in pauses)
    assert (RETRY_DELAYS_S[0], RETRY_DELAYS_S[-1]) == (5, 12 * 3600)


def test_retry_after_accepts_a_number_or_a_date_up_to_a_maximum():
    def wait_s(header):
        return read_retry_after_s({"retry-after": header})

    assert wait_s("120") == 120
    assert 50 < wait_s(format_datetime(utc_now() + timedelta(minutes=1))) <= 60
    assert wait_s(format_datetime(datetime(2020, 1, 1, tzinfo=UTC))) == 0
    assert wait_s("9" * 30) == MAX_RETRY_AFTER_S
    assert [wait_s(header) for header in ("", "soon", "-5")] == [0, 0, 0]
