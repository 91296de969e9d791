"""A distil run is killed; started again it continues, and pays for no answer twice."""

import pytest

from merlin.dataset.proposals import Proposals
from merlin.db.intents import Intents, IntentState
from tests.support.forked_processes import run_command, start_function, wait_for_exit
from tests.support.kill_points import POINTS
from tests.support.opened_databases import open_with_key
from tests.support.pipeline_lab import KEY, Lab
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration

KILL_POINTS = [point for point in POINTS if point.startswith("distil.")]
PRICE = {"currency": "USD", "input": 10, "output": 10, "training": 0}
QUESTIONS = ["Что такое рекурсия?", "Зачем нужен стек вызовов?", "Где лежит куча?"]


def test_each_answer_is_proposed_once_after_kills(tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab.with_dataset(
            tmp_path, provider.base_url, models={"stand-in-chat": {"price": PRICE}}
        )
        file = tmp_path / "questions.txt"
        log = tmp_path / "distil.log"
        file.write_text("\n".join(QUESTIONS), "utf-8")
        arguments = [
            "distil",
            "trial",
            str(file),
            "--from",
            "questions",
            "--budget",
            "1",
            "--yes",
        ]
        arguments += ["--teacher", "stand-in/stand-in-chat", "--config", str(lab.path)]
        crash = {
            "MERLIN_CRASH_AT": ",".join(KILL_POINTS),
            "MERLIN_CRASH_MARK": str(tmp_path / "crashed"),
        }

        for code in (*[137] * len(KILL_POINTS), 0):
            process = start_function(
                run_command, arguments, log, {KEY: "stand-in", **crash}
            )
            assert wait_for_exit(process) == code, log.read_text()

        contents = [
            call.body["messages"][1]["content"]
            for call in provider.calls("chat.create")
        ]
    # Only the answer that could not be recorded is requested again.
    assert (len(contents), len(set(contents))) == (4, 3)
    with open_with_key(lab.config) as database:
        drafts = [
            proposal.draft for proposal in Proposals(database).list_waiting(limit=100)
        ]
        calls = Intents(database).list_of_kind("distil").values()
    assert len(drafts) == len({draft.question for draft in drafts}) == 9
    assert {call.state for call in calls} == {IntentState.DONE}
    assert KILL_POINTS == ["distil.intended", "distil.sent", "distil.recorded"]
