"""The documentation names what exists, all of it, in both languages."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import pytest

from bench import __main__ as bench
from docs.build.commands import commands_told, find_commands
from docs.build.configuration import (
    CONFIG_KEYS,
    entry_of,
    example_page_of,
    keys_of,
    page_of,
    path_of,
)
from docs.build.hooks import PARTS
from docs.build.openapi import described
from merlin.api import hooks, metrics
from merlin.api.pages import site
from merlin.api.rest import health
from merlin.bot import handlers as bot_handlers
from merlin.config import process_names, reading
from merlin.core.example_keys import KEYS
from merlin.core.money import MICRO, Usage
from merlin.dataset.spec import schema_text
from merlin.engine import api as engine_routes, status as engine_status
from merlin.sandbox.demo.place import SCRIPTS
from tests.support.markdown_pages import ROOT, all_pages, read_page

LANGUAGES = ("en", "ru")
NAMES = sorted(path.name for path in (ROOT / "docs" / "en").glob("*.md"))
PAGES = all_pages()
PATH = re.compile(r"(?:merlin|tests|docs|systemd|deploy|datasets|bench|\.ci)/\S*")
# A command within a sentence; the words after its verbs may belong to the sentence.
WORD = r"[a-z]+(?:-[a-z]+)*"
unit = pytest.mark.unit


@cache
def read_options():
    """Return the options of each command."""
    return {
        words: {option for parameter in command.params for option in parameter.opts}
        | {"--help"}
        for words, command in find_commands().items()
    }


def find_named_commands(text):
    """Yield (command, options) for each `merlin …` in a text; "…" stands for any verb."""
    for arguments in re.findall(r"(?:^|[\s/])merlin ([^|;>&#]+)", text):
        tokens = [token for token in arguments.split() if token != "…"]
        verbs = [token for token in tokens[:3] if re.fullmatch(WORD, token)]
        if verbs:
            yield (
                verbs,
                {token.split("=")[0] for token in tokens if token.startswith("--")},
            )


def find_command(verbs):
    """Return the name of the command, None where there is no such command."""
    for count in range(len(verbs), 0, -1):
        words = " ".join(verbs[:count])
        if words in read_options() or (count == len(verbs) and is_command_group(words)):
            return words
    return None


def is_command_group(words):
    return any(name.startswith(f"{words} ") for name in read_options())


def list_codes(page):
    return [*page.codes, *page.commands]


@unit
def test_key_of_the_configuration_is_described_and_has_an_example():
    for path, node, _ in CONFIG_KEYS:
        assert node.get("description", "").strip() or path.endswith(".<model>"), path
        is_branch = (
            "properties" in node or "$ref" in node.get("items", {}) or entry_of(node)
        )
        assert is_branch or "examples" in node, path


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_configure_page_has_the_row_of_every_key(language):
    page = path_of(language)
    assert page.read_text("utf-8") == page_of(language), (
        f"{page} lacks a row: make docs"
    )


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_dataset_page_has_a_row_for_every_key_of_an_example(language):
    page = path_of(language, "dataset").read_text("utf-8")
    assert page == example_page_of(language), "run make docs"
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert rows[: len(KEYS)] == [key.name for key in KEYS]


@unit
def test_configure_page_in_russian_gives_each_meaning_in_russian():
    page = path_of("ru").read_text("utf-8")
    rows = re.findall(r"^\| `[a-z_.<>\[\]]+` \|.*\| (.*) \|$", page, re.MULTILINE)
    assert len(rows) >= len(CONFIG_KEYS)
    assert [row for row in rows if not re.search("[а-я]", row)] == []


@unit
def test_shipped_configuration_is_valid():
    assert reading.load(ROOT / "config.yaml").providers


@pytest.fixture(scope="module", params=LANGUAGES)
def sample(request):
    command = [sys.executable, "-m", "merlin", "config", "sample"]
    environment = {**os.environ, "MERLIN_LANGUAGE": request.param}
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    comments = re.findall(r"^ *# (.*)", done.stdout.decode(), re.MULTILINE)
    assert all(re.search("[а-я]", line) for line in comments) == (request.param == "ru")
    return done.stdout.decode()


@pytest.mark.functional
def test_printed_sample_is_a_valid_first_configuration(sample, tmp_path):
    (tmp_path / "config.yaml").write_text(sample, "utf-8")
    loaded = reading.load(tmp_path / "config.yaml")
    assert loaded.repository.url == str(tmp_path)
    assert process_names(loaded) == ["engine", "daemon", "bot", "api"]
    assert [loaded.plans, loaded.telegram.admins, loaded.named_models] == [{}, (), {}]


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_dataset_page_names_every_key_of_the_three_files(language):
    keys = read_page("docs", language, "dataset.md").keys
    dataset, example, course = (
        json.loads(schema_text(name)) for name in ("dataset", "example", "course")
    )
    paths = {path for path, _, _ in keys_of(dataset, dataset)}
    expected = {path for path in paths if path.rpartition(".")[2] not in LANGUAGES}
    expected -= {path for path in expected if "<model>" in path}
    assert expected | set(example["properties"]) | set(course["properties"]) <= set(
        keys
    )


@unit
def test_docs_site_describes_every_command_and_its_options():
    parts = re.split(r"^## merlin (.+)$", commands_told(), flags=re.MULTILINE)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(texts) == list(read_options())
    for words, options in read_options().items():
        options_of_command = {
            name for name in options if name.startswith("-") and name != "--help"
        }
        assert options_of_command <= set(re.findall(r"`(-\S+?)`", texts[words])), words


@unit
def test_docs_site_shows_its_generated_parts_where_pages_name_them():
    parts = {
        part
        for page in PAGES
        for part in re.findall(r"<!-- built: (\w+) -->", page.text)
    }
    assert parts == set(PARTS)


@unit
def test_named_command_exists_with_its_options():
    for page in PAGES:
        for text in list_codes(page):
            for verbs, options in find_named_commands(text):
                command = find_command(verbs)
                assert command, f"merlin {' '.join(verbs)}"
                assert options <= read_options().get(command, set()), text


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_cost_of_answers_follows_from_the_prices(language):
    price = (
        reading.load(ROOT / "config.yaml")
        .base_models["gpt-4.1-mini-2025-04-14"]
        .price.in_micro()
    )
    text = (ROOT / f"docs/{language}/growth.md").read_text("utf-8")
    page = re.sub(r"(?<=\d)[,\s](?=\d{3}\b)", "", text)
    rows = re.findall(r"^\| (\d+) \| (\d+) \| 0 \|$", page, re.MULTILINE)
    assert len(rows) == 5
    for people, dollars in rows:
        cost = (
            int(people)
            * 10
            * 30
            * price.answer(Usage(input_tokens=500, output_tokens=60))
        )
        assert round(cost / MICRO) == int(dollars)


@unit
def test_named_make_target_exists():
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    texts = [text for page in PAGES for text in list_codes(page)]
    assert {
        found for text in texts for found in re.findall(r"\bmake ([\w-]+)", text)
    } <= targets


@unit
def test_named_path_exists():
    for page in PAGES:
        paths = [
            code
            for code in page.codes
            if PATH.fullmatch(code) and not set("<*") & set(code)
        ]
        # A test is named after its file: `tests/docs/test_docs.py::test_named_path_exists`.
        for path, _, test in (code.partition("::") for code in paths):
            assert (ROOT / path).exists(), path
            assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8"), test


@unit
def test_named_test_exists():
    """In the decisions; of the specification and of ASVS their own tests know."""
    functions = "".join(
        path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    for page in PAGES:
        if page.path.parent.name == "adr":
            for name in re.findall(r"`(test_\w+)`", page.text):
                assert f"def {name}(" in functions, f"{page.path}: {name}"


@unit
def test_link_target_exists():
    for page in PAGES:
        for link in page.links:
            if link.startswith(("https://", "http://")):
                continue
            target, _, anchor = link.partition("#")
            target_path = (page.path.parent / target).resolve() if target else page.path
            assert target_path.exists(), link
            assert not anchor or anchor in read_page(target_path).anchors, link


@unit
def test_every_picture_of_the_docs_is_shown_by_a_page():
    shown = {
        (page.path.parent / link).resolve() for page in PAGES for link in page.links
    }
    assert set((ROOT / "docs" / "pictures").glob("*/*")) <= shown


@unit
def test_both_languages_have_the_same_shape():
    for name in NAMES:
        assert (
            read_page("docs", "en", name).shape == read_page("docs", "ru", name).shape
        ), name


@unit
def test_both_languages_have_the_same_pages():
    assert sorted(path.name for path in (ROOT / "docs" / "ru").glob("*.md")) == NAMES
    assert read_page("README.md").shape == read_page("README.ru.md").shape


@unit
@pytest.mark.parametrize(
    ("language", "name"), [("en", "README.md"), ("ru", "README.ru.md")]
)
def test_readme_begins_with_the_demo_and_asks_its_question(language, name):
    page = read_page(name)
    assert page.commands[:2] == ["make demo", "make test"]
    assert SCRIPTS[language].question in page.path.read_text("utf-8")


@unit
def test_named_measurement_exists():
    for page in PAGES:
        for text in list_codes(page):
            for name, row in re.findall(
                r"python -m bench ([a-z]+)(?: ([a-z]+))?", text
            ):
                assert name in (*bench.NAMES, *bench.WITH_ARGUMENTS), text
                rows = import_module(f"bench.{name}")
                assert not row or row in getattr(rows, "ROWS", ()), text


def list_routes(routers, prefix=""):
    return {
        f"{method} {prefix if '/v1' not in route.path else ''}{route.path.replace(':path', '')}"
        for router in routers
        for route in router.routes
        for method in route.methods
    }


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_api_page_lists_exactly_the_existing_routes(language):
    named = {key for key in read_page("docs", language, "api.md").keys if " /" in key}
    routes = {
        f"{method.upper()} {path}"
        for path, methods in described()["paths"].items()
        for method in methods
    }
    for router in (hooks.router, metrics.router, health.process_router):
        for route in router.routes:
            routes |= {f"{method} {route.path}" for method in route.methods}
    assert named == routes | {"GET /openapi.json", "GET /"}


# Addresses for everyone that are no pages of their own: parts and steps of the others.
_PARTS_OF_PAGES = frozenset(
    {"/orders/{}/live", "/orders/{}/pay", "/me/erase", "/me/export"}
)
_PLACEHOLDER = re.compile(r"\{.*?\}")


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_courses_page_has_a_row_of_every_page_for_everyone(language):
    keys = read_page("docs", language, "courses.md").keys
    named = {_PLACEHOLDER.sub("{}", key) for key in keys} | _PARTS_OF_PAGES
    routes = list_routes(topic.router for topic in site.TOPICS)
    pages = {
        _PLACEHOLDER.sub("{}", route) for route in routes if route.startswith("GET ")
    }
    assert {f"GET {path}" for path in named} == pages


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_engine_page_lists_exactly_the_existing_routes(language):
    named = {
        key for key in read_page("docs", language, "engine.md").keys if " /" in key
    }
    routers = [
        import_module(f"{engine_routes.__name__}.{name}").router
        for _, name, _ in iter_modules(engine_routes.__path__)
    ]
    assert named == list_routes(routers, "/v1") | list_routes([engine_status.router])


@unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_bot_page_lists_exactly_the_existing_commands(language):
    named = {
        key for key in read_page("docs", language, "bot.md").keys if key.startswith("/")
    }
    modules = [
        import_module(f"{bot_handlers.__name__}.{name}")
        for _, name, _ in iter_modules(bot_handlers.__path__)
    ]
    registered = [
        name
        for module in modules
        if hasattr(module, "handlers")
        for name in module.handlers.commands
    ]
    assert named == {f"/{name}" for name in registered}


@unit
def test_every_test_has_exactly_one_marker(request):
    markers = ("unit", "functional", "integration", "load")
    counts = {
        item.nodeid: sum(item.get_closest_marker(name) is not None for name in markers)
        for item in request.session.items
    }
    assert not [name for name, count in counts.items() if count != 1]


@unit
@pytest.mark.parametrize(
    ("language", "word"),
    [("en", "rollback"), ("ru", "откат"), ("en", "429"), ("ru", "429")],
)
def test_word_that_people_search_for_is_on_a_page(language, word):
    """The site's search finds the words of its pages, and what begins with what is typed."""
    pages = (ROOT / "docs" / language).glob("*.md")
    assert [
        page.name for page in pages if re.search(rf"\b{word}", page.read_text("utf-8"))
    ]
