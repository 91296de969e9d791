"""The bot's id and the webhook secret, derived from the token."""

import re

import pytest

from merlin.config.credentials import bot_id, webhook_secret
from merlin.core.errors import ConfigError

pytestmark = pytest.mark.unit

TOKEN = "4242:a-token-for-tests"


def test_bot_id_is_the_first_part_of_the_token():
    assert bot_id(TOKEN) == 4242


@pytest.mark.parametrize(
    "token",
    ["", "geheim", "4242", "4242:", ":geheim", "bot4242:geheim", "4242:geheim 1"],
)
def test_invalid_token_is_refused_without_being_shown(token):
    with pytest.raises(ConfigError) as caught:
        bot_id(token)
    assert "geheim" not in str(caught.value)


def test_webhook_secret_is_accepted_by_telegram_and_hides_the_token():
    secret = webhook_secret(TOKEN)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret)
    assert TOKEN not in secret
    assert secret == webhook_secret(TOKEN) != webhook_secret(TOKEN + "x")
