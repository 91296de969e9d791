"""What every surface answers, compared with the files beside: nothing of it changes by accident."""

from __future__ import annotations

import os

import pytest
from structlog.testing import capture_logs

from tests.golden.full_installation import PEOPLE, house
from tests.golden.normalise import Pages, compare, compare_roles
from tests.golden.surfaces import ROLES, answers, commands, screens
from tests.support.frozen_day import restore_environment
from tests.support.migrated_databases import only_sqlite

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    told = {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "MERLIN_LANGUAGE": "en"}
    # Each test's own surroundings come later than this world.
    for role in ("AUTHOR", "COMMITTER"):
        told |= {f"GIT_{role}_NAME": "boris", f"GIT_{role}_EMAIL": "boris@example.com"}
    with restore_environment():
        os.environ |= {**told, "MERLIN_REPORTS": str(home), "COLUMNS": "160", "NO_COLOR": "1"}
        with capture_logs(), house(tmp_path_factory.mktemp("house"), os.environ) as made:
            yield made, dict(os.environ)


@pytest.fixture
def here(world, monkeypatch):
    """The world, with the surroundings that it was made in."""
    made, surroundings = world
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    return made


def test_the_api_answers_each_role_as_before(here):
    compare_roles("api", {role: answers(here, role, of_api=True) for role in ROLES})


def test_the_pages_answer_each_role_as_before(here):
    pages = Pages()
    compare_roles("pages", {role: answers(here, role, pages, of_api=False) for role in ROLES})


def test_the_pages_say_the_same_in_english_as_before(here):
    pages = Pages()
    told = {
        role: answers(here, role, pages, of_api=False, language="en", is_whole=False)
        for role in ("anonymous", "admin")
    }
    compare_roles("pages-in-english", told)


@only_sqlite
def test_the_commands_that_read_say_the_same_as_before(here):
    compare("commands", commands(here))


# The last one: a walk through buttons leaves dialogs behind.
def test_the_screens_of_the_bot_are_the_same_as_before(here):
    compare_roles("bot", {role: screens(here, role) for role in PEOPLE})
