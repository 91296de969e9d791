"""The page of the database matches the schema."""

import re

import pytest

from docs.build.database import ROWS, SECTIONS, TABLES, tables_told
from tests.support.markdown_pages import read_page

pytestmark = pytest.mark.integration


def test_diagram_names_existing_tables():
    relations = re.findall(
        r"^    (\w+) \S+ (\w+) :", read_page("docs", "database.md").text, re.MULTILINE
    )
    assert relations
    assert {name for line in relations for name in line} <= set(TABLES)


def test_page_shows_every_table_of_the_migrations():
    assert set(re.findall(r"^### (\w+)$", tables_told(), re.MULTILINE)) == set(TABLES)


def test_every_table_has_a_description_of_a_row():
    assert sorted(ROWS) == sorted(TABLES)
    assert sorted(" ".join(SECTIONS.values()).split()) == sorted(TABLES)
