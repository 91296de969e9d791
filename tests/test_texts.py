"""Every text exists in both languages, under the same keys, with the same arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from fluent.syntax import ast, parse

from merlin.core.i18n import LANGUAGES, keys

pytestmark = pytest.mark.unit

LOCALE = Path(__file__).parents[1] / "merlin" / "locale"
TOPICS = sorted(path.name for path in (LOCALE / "ru").glob("*.ftl"))


def entries(language, topic):
    resource = parse((LOCALE / language / topic).read_text("utf-8"))
    return [entry for entry in resource.body if not isinstance(entry, ast.BaseComment)]


def arguments(entry):
    """Return the names of the arguments that an entry's text uses."""
    found = set()

    def walk(value):
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, dict):
            if value.get("type") == "VariableReference":
                name = value["id"]["name"]
                # A title comes in both languages, and each text takes its own.
                found.add("title" if name in {"ru", "en"} else name)
            for each in value.values():
                walk(each)

    walk(entry.value.to_json())
    return found


def test_both_languages_hold_the_same_keys():
    assert keys("ru") == keys("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_topic_has_no_broken_entry_and_no_key_twice(language):
    for topic in TOPICS:
        found = entries(language, topic)
        assert not [entry for entry in found if isinstance(entry, ast.Junk)], topic
        names = [entry.id.name for entry in found]
        assert len(names) == len(set(names)), topic


def test_both_languages_use_the_same_arguments():
    for topic in TOPICS:
        russian = {entry.id.name: arguments(entry) for entry in entries("ru", topic)}
        english = {entry.id.name: arguments(entry) for entry in entries("en", topic)}
        assert russian == english


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_found_by_its_key(language):
    found = {entry.id.name for topic in TOPICS for entry in entries(language, topic)}
    assert keys(language) == found


def test_no_key_stands_in_two_topics():
    names = [entry.id.name for topic in TOPICS for entry in entries("ru", topic)]
    assert len(names) == len(set(names))
