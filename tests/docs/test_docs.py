"""Documentation that cannot rot: what exists is named, what is named exists, in both languages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest

from bench import __main__ as bench
from docs.build.commands import commands_told, find_commands
from docs.build.configuration import CONFIG_KEYS, keys_of, page_of, path_of
from docs.build.hooks import PARTS
from docs.build.openapi import described
from merlin import config
from merlin.api import openapi
from merlin.bot.commands import COMMANDS
from merlin.config import process_names
from merlin.dataset.spec import schema_text
from merlin.engine import api as engine_routes
from merlin.engine import status as engine_status
from merlin.engine.pages import jobs as engine_pages
from tests.support.markdown_pages import ROOT, all_pages, read_page

LANGUAGES = ("en", "ru")
NAMES = sorted(path.name for path in (ROOT / "docs" / "en").glob("*.md"))
PAGES = all_pages()
PATH = re.compile(r"(?:merlin|tests|docs|systemd|deploy|datasets|bench|\.ci)/\S*")
# A command within a sentence; what follows its verbs may be words of the sentence.
WORD = r"[a-z]+(?:-[a-z]+)*"
TOLD = re.compile(rf"\bmerlin ({WORD}(?: {WORD})*)")
unit = pytest.mark.unit


def relative_path(path):
    return str(path.path.relative_to(ROOT))


EXISTING = {
    words: {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for words, command in find_commands().items()
}


def named_commands(text):
    """Yield (command, options) for each `merlin …` in a text; "…" stands for any verb."""
    for words in re.findall(r"(?:^|[\s/])merlin ([^|;>&#]+)", text):
        tokens = [token for token in words.split() if token != "…"]
        verbs = [token for token in tokens[:3] if re.fullmatch(WORD, token)]
        if verbs:
            yield verbs, {token.split("=")[0] for token in tokens if token.startswith("--")}


def command_of(verbs):
    """Return the words of the command that is meant, None where there is no such command."""
    for most in range(len(verbs), 0, -1):
        words = " ".join(verbs[:most])
        if words in EXISTING or (most == len(verbs) and is_group(words)):
            return words
    return None


def is_group(words):
    return any(name.startswith(f"{words} ") for name in EXISTING)


def codes_and_commands(one):
    return [*one.codes, *one.commands]


@unit
def test_key_of_the_configuration_is_described_and_has_an_example():
    for path, node, _ in CONFIG_KEYS:
        assert node.get("description", "").strip() or path.endswith(".<model>"), path
        items = node.get("items", {})
        is_branch = "properties" in node or "$ref" in items or "entries" in node
        assert is_branch or "examples" in node, path


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_configure_page_has_the_row_of_every_key(language):
    assert path_of(language).read_text("utf-8") == page_of(language)


@unit
def test_shipped_configuration_is_valid():
    assert config.load(ROOT / "config.yaml").providers


@pytest.fixture(scope="module")
def sample():
    command = [sys.executable, "-m", "merlin", "config", "sample"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


@pytest.mark.functional
def test_printed_sample_is_a_configuration_to_start_with(sample, tmp_path):
    (tmp_path / "config.yaml").write_text(sample, "utf-8")
    told = config.load(tmp_path / "config.yaml")
    assert told.repository.url == str(tmp_path / "merlin-datasets")
    assert process_names(told) == ["engine", "daemon", "bot", "api"]
    assert [told.plans, told.telegram.admins, told.named_models] == [{}, (), ()]


@pytest.mark.functional
def test_every_key_of_the_printed_sample_may_be_set_as_it_is_shown(sample, tmp_path):
    every = re.sub(r"^( *)#(?=\S)", r"\1", sample, flags=re.MULTILINE)
    (tmp_path / "config.yaml").write_text(every, "utf-8")
    assert config.load(tmp_path / "config.yaml").payments.yookassa
    shown = {line.strip().partition(":")[0] for line in every.splitlines() if ":" in line}
    keys = {re.sub(r"\[\]", "", path).rpartition(".")[2] for path, _, _ in CONFIG_KEYS}
    assert {key for key in keys if not key.startswith("<")} <= shown


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_dataset_page_names_every_key_of_the_three_files(language):
    told = read_page("docs", language, "dataset.md").keys
    dataset, example, course = (
        json.loads(schema_text(name)) for name in ("dataset", "example", "course")
    )
    wanted = {path for path, _, _ in keys_of(dataset, dataset) if path.split(".")[0] != "title"}
    wanted -= {path for path in wanted if "<model>" in path}
    assert wanted | {"title"} | set(example["properties"]) | set(course["properties"]) <= set(told)


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_docs_site_tells_of_every_command_and_its_options(language):
    parts = re.split(r"^## merlin (.+)$", commands_told(language), flags=re.MULTILINE)
    told = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(told) == list(EXISTING)
    for words, options in EXISTING.items():
        named = {name for name in options if name.startswith("-") and name != "--help"}
        assert named <= set(re.findall(r"`(-\S+?)`", told[words])), words


@unit
def test_the_docs_site_shows_its_parts_where_pages_name_them():
    named = {part for one in PAGES for part in re.findall(r"<!-- built: (\w+) -->", one.text)}
    assert named == set(PARTS)


@unit
def test_named_command_exists_with_its_options():
    for one in PAGES:
        for text in codes_and_commands(one):
            for verbs, options in named_commands(text):
                command = command_of(verbs)
                assert command, f"merlin {' '.join(verbs)}"
                assert options <= EXISTING.get(command, set()), text


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_command_that_a_text_tells_people_to_give_exists(language):
    paths = sorted((ROOT / "merlin" / "locale" / language).glob("*.ftl"))
    told = [found for path in paths for found in TOLD.findall(path.read_text("utf-8"))]
    assert told
    assert not [words for words in told if command_of(words.split()[:3]) is None]


@unit
def test_named_make_target_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    texts = [text for one in PAGES for text in codes_and_commands(one)]
    assert {found for text in texts for found in re.findall(r"\bmake (\w+)", text)} <= targets


@unit
def test_named_path_exists():
    for one in PAGES:
        named = [code for code in one.codes if PATH.fullmatch(code) and not set("<*") & set(code)]
        # A test is named after its file: `tests/docs/test_docs.py::test_named_path_exists`.
        for path, _, test in (code.partition("::") for code in named):
            assert (ROOT / path).exists(), path
            assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8"), test


@unit
def test_link_leads_somewhere():
    for one in PAGES:
        for link in one.links:
            if link.startswith(("https://", "http://")):
                continue
            target, _, anchor = link.partition("#")
            place = (one.path.parent / target).resolve() if target else one.path
            assert place.exists(), link
            assert not anchor or anchor in read_page(place).anchors, link


@unit
def test_every_picture_of_the_docs_is_shown_by_a_page():
    shown_there = {(one.path.parent / link).resolve() for one in PAGES for link in one.links}
    assert set((ROOT / "docs" / "pictures").glob("*/*")) <= shown_there


@unit
def test_both_languages_have_the_same_shape():
    for name in NAMES:
        assert read_page("docs", "en", name).shape == read_page("docs", "ru", name).shape, name


@unit
def test_both_languages_have_the_same_pages():
    assert sorted(path.name for path in (ROOT / "docs" / "ru").glob("*.md")) == NAMES
    assert read_page("README.md").shape == read_page("README.ru.md").shape


@unit
@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
def test_readme_begins_with_the_demo_and_the_tests(name):
    assert read_page(name).commands[:2] == ["make demo", "make test"]


@unit
def test_named_measurement_exists():
    for one in PAGES:
        for text in codes_and_commands(one):
            for name, row in re.findall(r"python -m bench ([a-z]+)(?: ([a-z]+))?", text):
                assert name in (*bench.NAMES, *bench.WITH_ARGUMENTS), text
                rows = import_module(f"bench.{name}")
                known = getattr(rows, "PARTS", None) or getattr(rows, "ROWS", ())
                assert not row or row in known, text


def routes_of(routers, prefix=""):
    return {
        f"{method} {prefix if '/v1' not in route.path else ''}{route.path.replace(':path', '')}"
        for router in routers
        for route in router.routes
        for method in route.methods
    }


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_api_page_names_exactly_the_routes_that_there_are(language):
    told = {key for key in read_page("docs", language, "api.md").keys if " /" in key}
    calls = {
        f"{verb.upper()} {path}" for path, verbs in described()["paths"].items() for verb in verbs
    }
    assert told == calls | routes_of([openapi.router]) | {
        "GET /openapi.json",
        "GET /",
        "GET /api/docs",
    }


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_engine_page_names_exactly_the_routes_that_there_are(language):
    told = {key for key in read_page("docs", language, "engine.md").keys if " /" in key}
    routers = [
        import_module(f"{engine_routes.__name__}.{name}").router
        for _, name, _ in iter_modules(engine_routes.__path__)
    ]
    watching = [engine_status.router, engine_pages.router]
    assert told == routes_of(routers, "/v1") | routes_of(watching)


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_bot_page_names_exactly_the_commands_that_there_are(language):
    told = {key for key in read_page("docs", language, "bot.md").keys if key.startswith("/")}
    assert told == {f"/{name}" for name in COMMANDS}


@unit
def test_every_test_carries_exactly_one_marker(request):
    markers = ("unit", "functional", "integration", "load")
    counts = {
        item.nodeid: sum(item.get_closest_marker(name) is not None for name in markers)
        for item in request.session.items
    }
    assert not [name for name, count in counts.items() if count != 1]
