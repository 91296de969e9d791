"""`transformers serve` as a provider: pinned to a model, and with any that is asked for."""

import pytest

from merlin.cli.provider_checks import CHAT_CHECKS, CHECKS
from tests.engine.tiny_base import get_tiny_base
from tests.real.refusals import UNKNOWN, ask, ask_whole, check_refusal, upload
from tests.real.servers import run_provider_test, run_server

pytestmark = [pytest.mark.integration, pytest.mark.real("transformers")]


@pytest.fixture(scope="module")
def base():
    """The folder of a tiny model, which is its name too."""
    return str(get_tiny_base())


@pytest.fixture(scope="module")
def pinned(program, base, tmp_path_factory):
    """The URL of a server of one model."""
    with _serve(program, tmp_path_factory, "transformers", "serve", base) as url:
        yield url


@pytest.fixture(scope="module")
def open_to_any(program, tmp_path_factory):
    """The URL of a server that loads what is asked for."""
    with _serve(program, tmp_path_factory, "transformers", "serve") as url:
        yield url


def _serve(program, tmp_path_factory, *arguments):
    folder = tmp_path_factory.mktemp("transformers")
    arguments = [*arguments, "--device", "cpu"]
    return run_server(program, folder, arguments, "/health", OMP_NUM_THREADS="1")


NEEDS_FILES = dict.fromkeys(CHECKS, "missing") | dict.fromkeys(CHAT_CHECKS, "passed")


@pytest.mark.shows("provider-test")
def test_all_that_a_pinned_server_has_passes(pinned, capsys, monkeypatch):
    code, results = run_provider_test(capsys, monkeypatch, pinned, "any-key")
    assert (code, results) == (0, NEEDS_FILES | {"errors.key": "missing"})


@pytest.mark.shows("provider-test-unlisted")
def test_empty_list_of_models_is_one_missing_check(
    open_to_any, base, capsys, monkeypatch
):
    code, results = run_provider_test(capsys, monkeypatch, open_to_any, "any-key", base)
    lacks = dict.fromkeys(
        ("models.list", "errors.key", "chat.unknown_model"), "missing"
    )
    assert (code, results) == (0, NEEDS_FILES | lacks)


def test_other_model_than_the_pinned_is_gone(recording, pinned, base):
    with recording("other-model", pinned, {base: "BASE"}) as url:
        check_refusal("transformers", "other-model", lambda: ask(url, "", UNKNOWN))


def test_model_that_cannot_be_loaded_is_an_unclear_failure(recording, open_to_any):
    with recording("unknown-model", open_to_any) as url:
        check_refusal(
            "transformers", "unknown-model", lambda: ask_whole(url, "", UNKNOWN)
        )


def test_files_are_refused(recording, pinned, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    with recording("no-files", pinned) as url:
        check_refusal("transformers", "no-files", lambda: upload(url, "", path))
