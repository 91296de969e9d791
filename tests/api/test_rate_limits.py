"""Rate limits over real HTTP: limits of users and addresses, free calls, trusted proxies."""

import asyncio
import threading

import httpx
import pytest

from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.users import Users
from merlin.api.rate_limits import MAX_WAITING, LoginThrottle, network_of
from merlin.config.settings import ApiLimits
from tests.api.chat_api import check_error
from tests.api.running_api import ANNA, NOT_LIMITED, check_problem, run_api
from tests.api.sign_in_data import set_bot_name
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

FEW = ApiLimits(anonymous_per_min=4, person_per_min=6)


def api_config(rate_limits):
    """Return an API configuration with these limits."""
    return NOT_LIMITED.model_copy(update={"limits": rate_limits})


@pytest.fixture
def limited(tmp_path):
    with run_api(tmp_path, listening=api_config(FEW)) as site:
        # A bucket refills every few seconds: on a slow machine some calls would be free again.
        site.app.state.limits.clock = lambda: 0.0
        set_bot_name(site)
        yield site


def statuses(client, path, count, **options):
    return [client.get(path, **options).status_code for _ in range(count)]


def test_anonymous_limit_is_enforced(limited):
    assert statuses(limited.client, "/api/user", 4) == [401] * 4
    refused = limited.client.get("/api/user")
    problem = check_problem(refused, 429, "too-many")
    assert problem["request_id"] == refused.headers["x-request-id"]
    assert 0 < int(refused.headers["retry-after"]) <= 15


def test_rate_limit_error_of_v1_has_the_openai_shape(limited):
    answers = (limited.client.get("/v1/models") for _ in range(50))
    refused = next(answer for answer in answers if answer.status_code == 429)
    fields = {"type": "requests", "code": "rate_limit_exceeded"}
    check_error(refused, 429, refused.headers["retry-after"], **fields)


def test_pages_have_a_higher_limit_and_probes_and_assets_have_none(limited):
    statuses(limited.client, "/api/user", 6)
    assert statuses(limited.client, "/", 41) == [200] * 40 + [429]
    for path in ("/healthz", "/static/none.css", "/metrics"):
        assert 429 not in statuses(limited.client, path, 10)


def test_browsers_and_keys_of_a_user_share_one_limit(limited):
    limited.add_user(ANNA)
    with (
        limited.browser_client(ANNA) as browser,
        limited.key_client(ANNA, Scope.ACCOUNT_READ) as program,
    ):
        assert statuses(program, "/api/user", 2) == [200] * 2
        assert statuses(browser, "/api/user", 5) == [200] * 4 + [429]
        assert program.get("/api/user").status_code == 429
    assert limited.client.get("/api/user").status_code == 401


def test_unknown_keys_share_the_anonymous_limit(limited):
    made_up = [{"Authorization": f"Bearer token-{number}"} for number in range(5)]
    answers = [
        limited.client.get("/api/user", headers=headers).status_code
        for headers in made_up
    ]
    assert answers == [401] * 4 + [429]


def test_forwarded_address_is_accepted_from_a_trusted_proxy_only(limited, tmp_path):
    for number in range(3):
        elsewhere = {"X-Forwarded-For": f"203.0.113.{number}"}
        assert statuses(limited.client, "/api/user", 4, headers=elsewhere) == [401] * 4
    client = httpx.Client(base_url=limited.address, timeout=longest())
    with client:
        chain = {"X-Forwarded-For": "198.51.100.1, 203.0.113.0"}
        assert client.get("/api/user", headers=chain).status_code == 429


def test_revoked_key_and_blocked_user_are_counted_by_address(limited):
    limited.add_user(ANNA)
    headers = limited.key_headers(ANNA, Scope.ACCOUNT_READ)
    assert limited.client.get("/api/user", headers=headers).status_code == 200
    (key,) = ApiKeys(limited.db).list_valid(ANNA)
    assert ApiKeys(limited.db).revoke(ANNA, key.id)
    with limited.browser_client(ANNA) as browser:
        assert statuses(limited.client, "/api/user", 2, headers=headers) == [401] * 2
        assert statuses(browser, "/api/user", 5) == [200] * 5
        Users(limited.db).block(ANNA, "cli:vera")
        assert statuses(browser, "/api/user", 3) == [403] * 2 + [429]


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::6", "2001:db8:1:2::/64"),
        ("2001:db8::6", "2001:db8::/64"),
        ("2001::2:3:4:5:6", "2001:0:0:2::/64"),
        ("::1", "::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_ipv6_addresses_of_one_64_bit_network_share_a_limit(host, network):
    assert network_of({"client": (host, 0)}) == network
    assert network_of({"client": None}) == ""


def test_password_beyond_the_queue_is_refused_at_once():
    gate = threading.Event()

    async def crowd():
        hashing = LoginThrottle().run_hashing
        calls = [
            asyncio.create_task(hashing(gate.wait)) for _ in range(MAX_WAITING + 1)
        ]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        gate.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    *waited, refused = asyncio.run(crowd())
    assert waited == [True] * MAX_WAITING
    assert refused.status == 429
