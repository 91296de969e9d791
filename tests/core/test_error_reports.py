"""What Sentry hears of an error: where it happened, and nothing that anybody wrote."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib

import pytest

from merlin.config import Config
from merlin.core.errors import ConfigError
from merlin.core.i18n import text
from merlin.wiring.process import observe_process
from tests.support.full_config import TOKEN
from tests.support.http_servers import run_receiver

pytestmark = pytest.mark.functional

PROGRAM = f"""
import logging
from pathlib import Path

from merlin.config import Config
from merlin.core.log import get_logger
from merlin.wiring.process import observe_process

def answer(question, token):
    raise ValueError(question + token)

with observe_process(Config(state_dir=Path(), database="sqlite:///none"), "bot"):
    get_logger("merlin.bot").warning("a warning of {TOKEN}")
    try:
        answer("Что такое лоб?", "{TOKEN}")
    except ValueError:
        get_logger("merlin.bot").exception("an update could not be handled", text="Что такое лоб?")
    logging.getLogger("library").error("broke at %s", "{TOKEN}")
"""


def test_an_error_is_reported_with_its_place_and_without_texts_and_keys():
    with run_receiver() as sentry:
        dsn = sentry.url.replace("http://", "http://a-public-key@").replace("/hook", "/42")
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "MERLIN_SENTRY_DSN": dsn},
            capture_output=True,
            text=True,
            check=True,
        )
    assert {call.path for call in sentry.deliveries} == {"/api/42/envelope/"}
    bodies = [zlib.decompress(call.body, 47).decode() for call in sentry.deliveries]
    told = "\n".join(bodies)
    assert "an update could not be handled" in told
    assert '"type":"ValueError"' in told.replace(": ", ":")
    assert '"function":"answer"' in told.replace(": ", ":")
    assert "an error of library" in told
    for secret in ("лоб", "\\u043b\\u043e\\u0431", TOKEN, TOKEN.partition(":")[2], "a warning"):
        assert secret not in told
    # The log still tells all of it, but for the token.
    assert "Что такое лоб?" in ended.stderr
    assert ended.stderr.count("Traceback") == 1


def test_a_wrong_dsn_is_told_by_the_name_of_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("MERLIN_SENTRY_DSN", "no-dsn-at-all")
    config = Config(state_dir=tmp_path, database="sqlite:///none")
    wrong = pytest.raises(ConfigError, match="MERLIN_SENTRY_DSN")
    with wrong as told, observe_process(config, "api"):
        pass
    assert "no-dsn-at-all" not in f"{told.value}{text('en', told.value.key)}"
