"""The providers that answer questions: with credentials, and without providers that have none."""

import pytest

from merlin.app.context import Context
from merlin.chat.answer import AnswerService
from merlin.config.reading import load
from merlin.core.errors import ConfigError
from merlin.wiring.context import create_chat_clients

pytestmark = pytest.mark.unit

CONFIG = """\
state_dir: state
providers:
  - {name: here, base_url: "http://127.0.0.1:1/v1", credential: HERE_KEY, model: small}
  - {name: there, base_url: "http://127.0.0.1:2/v1", credential: THERE_KEY}
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("HERE_KEY", "sk-here")
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    return load(tmp_path / "config.yaml")


def test_required_provider_without_a_credential_is_named(config):
    with pytest.raises(ConfigError, match="THERE_KEY"):
        create_chat_clients(config)


def test_optional_providers_without_a_credential_are_omitted(config):
    service = AnswerService(create_chat_clients(config, requires_all=False))
    assert Context(config=config, db=None, answer_service=service).general == [
        ("here", "small")
    ]
