"""`merlin provider test`: its table, its JSON, its exit codes, its page of the docs."""

import json
import re

import pytest

from merlin.cli import main
from merlin.cli.provider_checks import CHAT_CHECKS, CHECKS
from merlin.config.engine import EngineSettings
from merlin.core.i18n import text
from tests.engine.running_engine import create_engine_app
from tests.support.http_servers import serve_app
from tests.support.markdown_pages import read_page
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional
KEY = "key-of-the-engine"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    settings = EngineSettings(tmp_path_factory.mktemp("engine"), "127.0.0.1", 0, KEY)
    with serve_app(create_engine_app(settings)) as address:
        yield f"{address}/v1"


@pytest.fixture
def run(capsys, monkeypatch):
    """Return what runs the command: (exit code, stdout, stderr)."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def call(*arguments):
        capsys.readouterr()
        code = main(["provider", "test", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_our_engine_with_recall_passes_every_check(run, url):
    code, out, err = run(url, "--json")
    checks = json.loads(out)["checks"]
    assert [check["name"] for check in checks] == list(CHECKS)
    assert {tuple(check) for check in checks} == {("name", "result", "detail")}
    # The long job may have ended before the cancel arrives.
    others = [check for check in checks if check["name"] != "jobs.cancel"]
    assert [check for check in others if check["result"] != "passed"] == []
    assert code == 0
    assert f"{len(CHECKS)}/{len(CHECKS)} " in err


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ru", ["что доказывает", "отвечает на вопрос", "прошла"]),
        ("en", ["what it proves", "answers a question", "passed"]),
    ],
)
def test_results_of_chat_are_a_table_in_both_languages(
    run, url, monkeypatch, language, expected
):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    code, out, _ = run(url, "--chat-only")
    assert code == 0
    assert [word for word in expected if word not in out] == []
    assert [line.split()[0] for line in out.splitlines()[-len(CHAT_CHECKS) :]] == list(
        CHAT_CHECKS
    )


def test_failed_check_exits_with_1_and_the_reason(run, url):
    code, out, _ = run(url, "--chat-only", "--model", "no-such-model", "--json")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert (code, checks["chat.plain"]["result"]) == (1, "failed")
    assert "404" in checks["chat.plain"]["detail"]
    assert "no-such-model" in checks["chat.plain"]["detail"]
    assert "chat.plain" in checks["chat.stream"]["detail"]


@pytest.mark.parametrize(("applies", "result"), [(True, "passed"), (False, "failed")])
def test_server_that_answers_without_the_training_fails(run, applies, result):
    with ProviderStandIn(key=KEY) as provider:
        provider.behave(applies_weights=applies, states=())
        code, out, _ = run(provider.base_url, "--model", "stand-in-base", "--json")
    (check,) = [
        each for each in json.loads(out)["checks"] if each["name"] == "jobs.applied"
    ]
    assert check["result"] == result
    if not applies:
        assert code == 1
        assert "of 8 trained questions" in check["detail"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["http://127.0.0.1:9/v1"], 1, "can't answer now"),
        (["127.0.0.1:9"], 1, "Check the address"),
        ([], 2, "URL"),
        (["http://127.0.0.1:9", "--timeout-s", "0"], 2, "--timeout-s"),
    ],
)
def test_impossible_check_is_reported_without_a_traceback(
    run, arguments, code, expected
):
    exit_code, out, err = run(*arguments)
    assert (exit_code, out) == (code, "")
    assert expected in err
    assert "Traceback" not in err


@pytest.mark.parametrize("language", ["ru", "en"])
def test_page_lists_exactly_the_existing_checks_and_their_number(language):
    told = read_page("docs", language, "provider-test.md")
    rows = {name: row[1] for name, row in told.keys.items() if "." in name}
    assert rows == {name: text(language, title_key(name)) for name in CHECKS}
    assert re.findall(r"\b(\d+)\s(?:checks|провер[а-я]+)", told.prose) == [
        str(len(CHECKS))
    ]


def title_key(name):
    return f"provider-test-title-{re.sub('[._]', '-', name)}"
