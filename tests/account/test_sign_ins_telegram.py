"""Data that Telegram signed for a Mini App: accepted or refused."""

import random
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from merlin.account.sign_ins import PRODUCTION, read_telegram_data
from tests.api.sign_in_data import TELEGRAM_PUBLIC_KEY, signed_init_data

pytestmark = pytest.mark.unit

# The example of Telegram-Mini-Apps/tma.js, which its authors published with its dead token.
AT = datetime.fromtimestamp(1733509682, UTC)
BOT = 7342037359
OTHER_KEY = "40055058a4ee38156a06562e52eece92a771bcd8346a8c4615cb7376eddf72ec"
LIVE = (
    "user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%20%2B%20-%20%3F%20%5C%2F%22%2C"
    "%22last_name%22%3A%22Kibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22"
    "ru%22%2C%22is_premium%22%3Atrue%2C%22allows_write_to_pm%22%3Atrue%2C%22photo_url%22%3A%22http"
    "s%3A%5C%2F%5C%2Ft.me%5C%2Fi%5C%2Fuserpic%5C%2F320%5C%2F4FPEE4tmP3ATHa57u6MqTDih13LTOiMoKoLDR"
    "G4PnSA.svg%22%7D&chat_instance=8134722200314281151&chat_type=private&auth_date=1733509682&sig"
    "nature=TYJxVcisqbWjtodPepiJ6ghziUL94-KNpG8Pau-X7oNNLNBM72APCpi_RKiUlBvcqo5L-LAxIc3dnTzcZX_PDg"
    "&hash=a433d8f9847bd6addcc563bff7cc82c89e97ea0d90c11fe5729cae6796a36d73"
)


def read(text, bot_id=BOT, keys=(PRODUCTION,), after=timedelta()):
    return read_telegram_data(text, AT + after, bot_id, keys)


@pytest.mark.parametrize("keys", [(PRODUCTION,), (OTHER_KEY, PRODUCTION)])
def test_data_signed_by_telegram_is_accepted(keys):
    person = read(LIVE, keys=keys)
    assert person.user_id == 279058397
    assert person.name == "Vladislav + - ? / Kibenko"
    assert person.language_code == "ru"


@pytest.mark.parametrize(
    "signers",
    [{"bot_id": 0}, {"bot_id": BOT + 1}, {"keys": (OTHER_KEY,)}, {"keys": ()}],
)
def test_signature_of_another_bot_or_server_is_rejected(signers):
    assert read(LIVE, **signers) is None


@pytest.mark.parametrize(
    ("after", "is_taken"),
    [
        (timedelta(hours=1), True),
        (timedelta(hours=1, seconds=1), False),
        (timedelta(seconds=-30), True),
        (timedelta(seconds=-31), False),
    ],
)
def test_data_is_valid_for_an_hour_with_small_clock_skew(after, is_taken):
    assert (read(LIVE, after=after) is not None) is is_taken


def test_reordered_data_has_the_same_source():
    reordered = "&".join(reversed(LIVE.split("&"))).replace("%20", "+")
    assert read(reordered).source == read(LIVE).source


@pytest.mark.parametrize(
    "text",
    [
        "",
        "&",
        "hash",
        LIVE + "&user=%7B%7D",
        LIVE + "&x=" + "y" * 4096,
        "&".join(f"k{number}=v" for number in range(33)),
        LIVE.replace("chat_type=private", "chat_type=pri%0Avate"),
        LIVE.replace("ru%22", "%FF%22"),
        LIVE + "\ud800",
        LIVE.replace("1733509682", "1" * 400),
        LIVE.replace("1733509682", "١٧٣٣٥٠٩٦٨٢"),
        "[" * 3000,
    ],
)
def test_malformed_data_is_rejected(text):
    assert read(text) is None


@pytest.mark.parametrize(
    ("user", "is_person"),
    [({}, True), ({"is_bot": True}, False), ({"id": 0}, False), ({"id": "7"}, False)],
)
def test_signed_data_of_no_person_is_rejected(user, is_person):
    signed = signed_init_data(at=AT.timestamp(), bot_id=BOT, user=user)
    assert (read(signed, keys=(TELEGRAM_PUBLIC_KEY,)) is not None) is is_person


def unsigned_pairs(text):
    """Return the pairs of a text without its signatures."""
    pairs = parse_qsl(text, keep_blank_values=True)
    return sorted(pair for pair in pairs if pair[0] not in {"hash", "signature"})


def mutate(rng, text):
    place = rng.randrange(len(text))
    kind = rng.randrange(4)
    letter = chr(rng.choice([rng.randrange(32, 127), rng.randrange(0x250), 10, 38]))
    swapped = text[place + 1 : place + 2] + text[place]
    changes = (letter + text[place + 1 :], letter + text[place:], text[place + 1 :])
    return text[:place] + (*changes, swapped + text[place + 2 :])[kind]


def test_mutated_data_is_rejected():
    rng = random.Random(20261120)  # noqa: S311 - repeatable on purpose
    for _ in range(600):
        text = mutate(rng, LIVE)
        person = read(text)
        # "%7b" equals "%7B"; and the hash is not checked.
        assert person is None or unsigned_pairs(text) == unsigned_pairs(LIVE), text


def test_changed_signature_is_rejected():
    rng = random.Random(7)  # noqa: S311 - repeatable on purpose
    start = LIVE.index("signature=") + len("signature=")
    for place in range(start, start + 64):
        others = [
            character
            for character in "abcdef0123456789_-AZ"
            if character != LIVE[place]
        ]
        assert read(LIVE[:place] + rng.choice(others) + LIVE[place + 1 :]) is None
