"""The responses of every surface, compared with golden files."""

import os

import pytest
from structlog.testing import capture_logs

from tests.golden.full_installation import run_installation
from tests.golden.normalise import Pages, compare, compare_roles
from tests.golden.surfaces import read_responses, run_commands, walk_screens
from tests.support.frozen_day import restore_environment
from tests.support.migrated_databases import only_sqlite

pytestmark = pytest.mark.integration

# Others' rights are in the role matrix, English texts in tests/locale.
SHOWN = ("student", "admin")


@pytest.fixture(scope="module")
def module_installation(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    environment = {
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "MERLIN_LANGUAGE": "en",
    }
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {
            f"GIT_{role}_NAME": "boris",
            f"GIT_{role}_EMAIL": "boris@example.com",
        }
    with restore_environment():
        os.environ |= {
            **environment,
            "MERLIN_REPORTS": str(home),
            "COLUMNS": "160",
            "NO_COLOR": "1",
        }
        with (
            capture_logs(),
            run_installation(
                tmp_path_factory.mktemp("house"), os.environ
            ) as installation,
        ):
            yield installation, dict(os.environ)


@pytest.fixture
def installation(module_installation, monkeypatch):
    """The installation, with the environment in which it was made."""
    installation, environment = module_installation
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return installation


def test_api_responses_of_each_role_match_the_golden_files(installation):
    compare_roles(
        "api", {role: read_responses(installation, role, of_api=True) for role in SHOWN}
    )


def test_pages_of_each_role_match_the_golden_files(installation):
    pages = Pages()
    compare_roles(
        "pages",
        {
            role: read_responses(installation, role, pages, of_api=False)
            for role in SHOWN
        },
    )


@only_sqlite
def test_outputs_of_reading_commands_match_the_golden_files(installation):
    compare("commands", run_commands(installation))


# The last test: pressing buttons leaves open dialogs.
def test_bot_screens_match_the_golden_files(installation):
    compare_roles("bot", {role: walk_screens(installation, role) for role in SHOWN})
