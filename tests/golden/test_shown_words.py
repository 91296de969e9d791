"""What people read on any surface, by the files beside: no ids, no raw states, no bare times."""

from __future__ import annotations

import re

import pytest

from merlin.billing.purchases import PurchaseState
from merlin.billing.refunds import RefundState
from merlin.billing.subscriptions import RenewalState
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
    *(PurchaseState, RefundState, RenewalState, Role, ChangeState, ProposalState),
    *(VerdictStatus, RequestState, JobState, ModelState),
)
RAW = re.compile(rf"\b({'|'.join(sorted({each.value for one in _STATES for each in one}))})\b")
MACHINE = re.compile(r"--json|--help|export|schema|/me/data|\.json")
# A time whose zone is not behind it; what is asked under /lang is the zone.
TIME = re.compile(r"<(?:clock|time)>(?! ?\([A-Z]+\)| UTC)")


def entries(name):
    """Return what a surface answers by its heading, without what programs read."""
    parts = re.split(r"^### ", (FILES / f"{name}.txt").read_text("utf-8"), flags=re.MULTILINE)[1:]
    told = dict(part.split("\n", 1) for part in parts)
    return {
        heading: words
        for heading, words in told.items()
        if not MACHINE.search(heading) and "application/json" not in words.split("\n", 1)[0]
    }


# Elements with their attributes; names of things of the world; headers of the answer; commands.
UNREAD = re.compile(
    r'^(?:\s*<[a-z]\w*(?: [\w-]+(?:="[^"]*")?)*>)+|<(?:paid|waiting)-\w+>|^[a-z-]+: .*|/\w+'
)
# A provider's own words for a failure.
QUOTED = "invalid_training_file"


def shown(name):
    """Return the lines that people read, each behind its heading."""
    for heading, words in entries(name).items():
        for line in words.split("\n"):
            if not re.match("marks: |as ", line):
                # Of a button its label.
                yield heading, UNREAD.sub("", re.sub(r" \| [^\]]*\]", "]", line))


RUSSIAN = ("bot.student", "bot.admin", "pages.anonymous", "pages.student", "pages.admin")


@pytest.mark.parametrize("name", RUSSIAN)
def test_no_state_is_said_by_its_english_word_in_russian(name):
    assert [each for each in shown(name) if RAW.search(each[1]) and QUOTED not in each[1]] == []


@pytest.mark.parametrize("name", ["bot.student", "bot.teacher", "bot.admin", "pages.student"])
def test_no_internal_id_is_shown(name):
    assert [each for each in shown(name) if re.search("<(id|token)-", each[1])] == []


@pytest.mark.parametrize("name", ["bot.student", "bot.teacher", "bot.admin"])
def test_a_screen_names_a_zone_that_the_person_did_not_choose_once(name):
    told: dict[str, list[str]] = {}
    for heading, line in shown(name):
        if not heading.startswith(("/lang", "lang", "zone")) and "<clock>" in line:
            told.setdefault(heading, []).append(line)
    assert [heading for heading, lines in told.items() if "(UTC)" not in "".join(lines)] == []


def test_every_time_of_a_command_names_its_zone():
    assert [each for each in shown("commands") if TIME.search(each[1])] == []


@pytest.mark.parametrize("role", ["anonymous", "student", "teacher", "admin"])
def test_a_page_with_times_names_their_zone(role):
    pages = entries(f"pages.{role}")
    bare = [
        heading
        for heading, words in pages.items()
        if "<html" in words and "<clock>" in words and 'class="zone' not in words
    ]
    assert bare == []
