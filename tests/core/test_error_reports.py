"""Reports to Sentry have the place of an error, and no texts of users or secrets."""

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


def test_error_is_reported_with_its_place_and_without_texts_and_keys():
    with run_receiver() as sentry:
        dsn = sentry.url.replace("http://", "http://a-public-key@").replace("/hook", "/42")
        process = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "MERLIN_SENTRY_DSN": dsn},
            capture_output=True,
            text=True,
            check=True,
        )
    assert {call.path for call in sentry.deliveries} == {"/api/42/envelope/"}
    bodies = [zlib.decompress(call.body, 47).decode() for call in sentry.deliveries]
    report = "\n".join(bodies)
    assert "an update could not be handled" in report
    assert '"type":"ValueError"' in report.replace(": ", ":")
    assert '"function":"answer"' in report.replace(": ", ":")
    assert "an error of library" in report
    for secret in ("лоб", "\\u043b\\u043e\\u0431", TOKEN, TOKEN.partition(":")[2], "a warning"):
        assert secret not in report
    # The log still has everything but the token.
    assert "Что такое лоб?" in process.stderr
    assert process.stderr.count("Traceback") == 1


def test_wrong_dsn_is_reported_by_the_name_of_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("MERLIN_SENTRY_DSN", "no-dsn-at-all")
    config = Config(state_dir=tmp_path, database="sqlite:///none")
    expected_error = pytest.raises(ConfigError, match="MERLIN_SENTRY_DSN")
    with expected_error as error, observe_process(config, "api"):
        pass
    assert "no-dsn-at-all" not in f"{error.value}{text('en', error.value.key)}"
