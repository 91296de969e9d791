"""The golden files show no ids, no raw states and no times without a zone."""

import re

import pytest

from merlin.billing.purchases import PurchaseState
from merlin.billing.refunds import RefundState
from merlin.core.permissions import Role
from merlin.dataset.changes import ChangeState
from merlin.dataset.proposals import ProposalState
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.requests import RequestState
from merlin.training.jobs import JobState
from merlin.training.models import ModelState
from tests.golden.normalise import FILES

pytestmark = pytest.mark.unit

_STATES = (
    *(PurchaseState, RefundState, Role, ChangeState, ProposalState),
    *(VerdictStatus, RequestState, JobState, ModelState),
)
RAW = re.compile(
    rf"\b({'|'.join(sorted({state.value for states in _STATES for state in states}))})\b"
)
MACHINE = re.compile(r"--json|--help|export|schema|/me/data|\.json")
# A time without its zone behind it.
TIME = re.compile(r"<(?:clock|time)>(?! ?\([A-Z]+\)| UTC)")


def read_entries(name):
    """Return the entries of a surface by heading, except those for programs."""
    parts = re.split(
        r"^### ", (FILES / f"{name}.txt").read_text("utf-8"), flags=re.MULTILINE
    )[1:]
    entries = dict(part.split("\n", 1) for part in parts)
    return {
        heading: text
        for heading, text in entries.items()
        if not MACHINE.search(heading)
        and "application/json" not in text.split("\n", 1)[0]
    }


# Addresses of links and forms; placeholders of orders; names and options of commands.
NOT_READ = re.compile(r"\]\([^)]*\)|^form \w+ .*|<(?:paid|waiting)-\w+>|/\w+|--[a-z]+")
# A provider's own words follow its code.
QUOTED = "invalid_training_file: "


def list_lines(name):
    """Yield (heading, line) for the lines that people read."""
    for heading, text in read_entries(name).items():
        for line in text.split("\n"):
            if not re.match(r"marks: |\d{3} ", line):
                # Only the label of a button.
                yield heading, NOT_READ.sub("", re.sub(r" \| [^\]]*\]", "]", line))


RUSSIAN = ("bot.student", "bot.admin", "pages.student", "pages.admin")


@pytest.mark.parametrize("name", RUSSIAN)
def test_russian_texts_contain_no_raw_english_states(name):
    assert [
        item
        for item in list_lines(name)
        if RAW.search(item[1]) and QUOTED not in item[1]
    ] == []


@pytest.mark.parametrize("name", ["bot.student", "bot.admin", "pages.student"])
def test_internal_ids_are_not_shown(name):
    assert [
        item for item in list_lines(name) if re.search("<(id|token)-", item[1])
    ] == []


@pytest.mark.parametrize("name", ["bot.student", "bot.admin"])
def test_bot_screens_name_the_zone_of_users_who_have_not_chosen_one(name):
    lines_by_heading: dict[str, list[str]] = {}
    for heading, line in list_lines(name):
        if (
            not heading.startswith(("/lang", "lang", "zone", "plain"))
            and "<clock>" in line
        ):
            lines_by_heading.setdefault(heading, []).append(line)
    assert [
        heading
        for heading, lines in lines_by_heading.items()
        if "(UTC)" not in "".join(lines)
    ] == []


def test_times_in_command_outputs_name_their_zone():
    assert [item for item in list_lines("commands") if TIME.search(item[1])] == []
