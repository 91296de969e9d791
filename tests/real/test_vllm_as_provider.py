"""vLLM as a provider of its own, without an engine before it."""

import pytest

from merlin.cli.provider_checks import CHAT_CHECKS, CHECKS
from tests.engine.tiny_base import get_tiny_base
from tests.real.refusals import (
    LONG,
    NO_FORMAT,
    NO_SCHEMA,
    UNKNOWN,
    ask,
    check_refusal,
    upload,
)
from tests.real.servers import run_provider_test, run_server

pytestmark = [pytest.mark.integration, pytest.mark.real("vllm")]
KEY = "key-of-vllm"
MODEL = "tiny"


@pytest.fixture(scope="module")
def vllm(program, tmp_path_factory):
    """The URL of a server of a tiny base."""
    folder = tmp_path_factory.mktemp("vllm")
    arguments = ["vllm", "serve", str(get_tiny_base()), "--served-model-name", MODEL]
    arguments += ["--api-key", KEY, "--max-model-len", "512", "--enforce-eager"]
    arguments += ["--dtype", "float32"]
    settings = {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with run_server(program, folder, arguments, "/health", **settings) as url:
        yield url


@pytest.mark.shows("provider-test")
def test_all_that_it_has_passes(vllm, capsys, monkeypatch):
    code, results = run_provider_test(capsys, monkeypatch, vllm, KEY)
    expected = dict.fromkeys(CHECKS, "missing") | dict.fromkeys(CHAT_CHECKS, "passed")
    assert (code, results) == (0, expected)


CALLS = {
    "unknown-model": lambda url, _: ask(url, KEY, UNKNOWN),
    "wrong-key": lambda url, _: ask(url, "another-key", MODEL),
    "too-long": lambda url, _: ask(url, KEY, MODEL, LONG),
    "no-format": lambda url, _: ask(url, KEY, MODEL, response_format=NO_FORMAT),
    "no-schema": lambda url, _: ask(url, KEY, MODEL, response_format=NO_SCHEMA),
    "no-files": lambda url, path: upload(url, KEY, path),
}


@pytest.mark.parametrize("story", CALLS)
def test_refusal_is_understood(recording, vllm, tmp_path, story):
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    with recording(story, vllm, {LONG: "LONG"}) as url:
        check_refusal("vllm", story, lambda: CALLS[story](url, path))
