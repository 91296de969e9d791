"""`merlin provider test`: its table, its JSON, its exit codes, its page of the docs."""

import json
import re

import pytest

from merlin.cli import main
from merlin.config.engine import EngineSettings
from merlin.core.i18n import text
from merlin.engine.conformance import CHECKS
from tests.engine.running_engine import create_engine_app
from tests.support.http_servers import serve_app
from tests.support.markdown_pages import read_page

pytestmark = pytest.mark.functional
KEY = "key-of-the-engine"
NAMES = [check.name for check in CHECKS]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    settings = EngineSettings(tmp_path_factory.mktemp("engine"), "127.0.0.1", 0, KEY)
    with serve_app(create_engine_app(settings)) as address:
        yield address


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


def test_whole_suite_passes_and_exits_with_0(run, url):
    code, out, err = run(url, "--json")
    checks = json.loads(out)["checks"]
    assert [check["name"] for check in checks] == NAMES
    assert {tuple(check) for check in checks} == {("name", "result", "detail")}
    assert [check for check in checks if check["result"] != "passed"] == []
    assert code == 0
    assert f"{len(NAMES)}/{len(NAMES)} " in err


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ru", ["что доказывает", "отдаёт файл байт в байт", "прошла"]),
        ("en", ["what it proves", "returns a file byte for byte", "passed"]),
    ],
)
def test_results_are_a_table_in_both_languages(run, url, monkeypatch, language, expected):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    code, out, err = run(url, "--only", "files.content")
    assert code == 0
    assert [word for word in expected if word not in out] == []
    assert out.splitlines()[-1].startswith("files.content")
    assert "files.upload" in err


def test_failed_check_exits_with_1_and_the_reason(run, url):
    code, out, _ = run(url, "--only", "chat.plain", "--model", "no-such-model", "--json")
    (check,) = json.loads(out)["checks"]
    assert (code, check["result"]) == (1, "failed")
    assert "404" in check["detail"]
    assert "no-such-model" in check["detail"]


def test_missing_key_is_reported(run, url, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    code, out, err = run(url)
    assert (code, out) == (1, "")
    assert "OPENAI_API_KEY" in err


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["http://127.0.0.1:9/v1"], 1, "no connection ("),
        (["127.0.0.1:9"], 2, "isn't a server URL"),
        ([], 2, "Name the server"),
        (["http://127.0.0.1:9", "--only", "jobs.fly"], 2, "merlin provider test --list"),
        (["http://127.0.0.1:9", "--timeout-s", "0"], 2, "--timeout-s"),
    ],
)
def test_impossible_check_is_reported_without_a_traceback(run, arguments, code, expected):
    exit_code, out, err = run(*arguments)
    assert (exit_code, out) == (code, "")
    assert expected in err
    assert "Traceback" not in err


def test_key_that_does_not_fit_into_a_header_is_refused(run, url, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "ключ")
    code, _, err = run(url)
    assert code == 2
    assert "OPENAI_API_KEY" in err


def test_checks_are_listed_with_their_titles_without_a_server(run):
    code, out, _ = run("--list", "--json")
    checks = json.loads(out)["checks"]
    assert code == 0
    assert [check["name"] for check in checks] == NAMES
    assert all(check["title"] for check in checks)
    code, out, _ = run("--list", "--only", "tuned.chat")
    assert code == 0
    assert {"files.upload", "tuned.chat"} <= {line.split()[0] for line in out.splitlines()}


@pytest.mark.parametrize("language", ["ru", "en"])
def test_page_lists_exactly_the_existing_checks_and_their_number(language):
    told = read_page("docs", language, "provider-test.md")
    rows = {name: row[1] for name, row in told.keys.items() if name in NAMES or "." in name}
    titles = {name: text(language, title_key(name)) for name in NAMES}
    assert rows == titles
    assert re.findall(r"\b(\d+)\s(?:checks|провер[а-я]+)", told.prose) == [str(len(NAMES))]


def title_key(name):
    return f"provider-test-title-{re.sub('[._]', '-', name)}"
