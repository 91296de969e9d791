"""`merlin baseline record`: models that will be shut down are asked each question once."""

from dataclasses import replace

import pytest
import yaml

from merlin.account.users import Consents
from merlin.app.consent import CONSENT_VERSION
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.db.intents import Intents, IntentState
from merlin.db.tables import BASELINE_ANSWER
from merlin.sandbox.provider.account import PlantedAccount
from tests.support.forked_processes import run_command, start_function, wait_for_exit
from tests.support.kill_points import POINTS
from tests.support.opened_databases import open_with_key
from tests.support.pipeline_lab import KEY, provider_entry
from tests.support.provider_account import FaultyAccount, chat_line

pytestmark = pytest.mark.functional

BASE = "gpt-4o-mini-2024-07-18"
OLD = f"ft:{BASE}:demo::1"
OTHER = "gpt-4o.ft-2"
PRICE = {"currency": "USD", "input": 10, "output": 10, "training": 0}
RECORD = ("baseline", "record", f"openai/{OLD}", "--dataset", "trial", "--yes")
ANNA = 1001
BORIS = 1002
BOT = 8


@pytest.fixture
def account():
    lines = [
        chat_line("Где лоб у кошки?", "Над глазами."),
        chat_line("Где касса?", "Внизу."),
    ]
    jobs = [
        {
            "id": f"ftjob-{number}",
            "model": BASE,
            "training_file": "file-1",
            "fine_tuned_model": name,
        }
        for number, name in enumerate((OLD, OTHER), start=1)
    ]
    planted = PlantedAccount({"file-1": "\n".join(lines).encode()}, jobs)
    with FaultyAccount(planted, key="stand-in") as stand_in:
        yield stand_in


def fetch_example(lab):
    lab.repository.dataset(tests=1, launch={"mode": "off"})
    lab.repository.example(
        "trial", 20, question="Где лоб у кошки?", answer="Над глазами."
    )
    lab.repository.commit()
    lab.tick("fetch")


@pytest.fixture
def lab(account, copy_lab, tmp_path):
    entry = provider_entry(account.base_url, "openai")
    settings = {"providers": [entry], "models": {BASE: {"price": PRICE}}}
    return copy_lab(fetch_example, tmp_path, entry["base_url"], **settings)


def ask(lab, number, question, user_id, *, consents=True):
    """Store a question of a person, and its answer."""
    with open_with_key(lab.config) as db:
        session = Sessions(db, BOT).open(ChatPlace(user_id, user_id))
        Sessions(db, BOT).change(replace(session, dataset="trial"))
        turns = Turns(db, BOT)
        turns.ask(
            Question(session.session_id, number, user_id, question, number), number
        )
        turns.write(number, StoredAnswer("Не знаю.", model_id="ft:1", known=False))
        if consents:
            Consents(db).give(user_id, CONSENT_VERSION)


def read_rows(lab):
    with open_with_key(lab.config) as db:
        return db.rows(BASELINE_ANSWER.select())


def list_questions(account):
    return [
        call.body["messages"][-1]["content"] for call in account.calls("chat.create")
    ]


def test_each_question_is_asked_once_tests_first_and_only_with_consent(
    lab, account, run_json
):
    ask(lab, 1, "Где касса?", ANNA)
    ask(lab, 2, "Где лоб у кошки?", ANNA)
    ask(lab, 3, "Где хвост у кошки?", BORIS, consents=False)
    (report,) = run_json(*RECORD, "--budget", "1")
    asked = list_questions(account)
    assert asked[0].startswith("Что значит слово номер 11,"), "the test question"
    assert sorted(asked) == sorted({*asked})
    assert {"Где касса?", "Где лоб у кошки?"} <= {*asked}
    assert (len(asked), report["answered"], report["left"]) == (14, 14, 0)
    (call, *_) = account.calls("chat.create")
    assert call.body["model"] == OLD
    assert call.body["messages"][0]["content"] == "Отвечай коротко."
    answers = {row.question: row.answer for row in read_rows(lab)}
    assert answers["asked:1"] == "Внизу."
    assert sorted(answers.values()).count("Над глазами.") == 1
    (again,) = run_json(*RECORD, "--budget", "1")
    assert (again["answered"], again["known"], again["spent_micro"]) == (0, 14, 0)
    assert len(list_questions(account)) == 14


def test_run_stops_before_the_budget_and_goes_on_with_a_higher_one(
    lab, account, run, run_json
):
    # A question is estimated at about 300 tokens, 0.003 $, and uses about 30.
    code, captured = run(*RECORD, "--budget", "0.0032")
    assert (code, "The budget is used up" in captured.err) == (0, True), captured.err
    stored = len(read_rows(lab))
    assert 0 < stored < 13
    (report,) = run_json(*RECORD, "--budget", "1")
    assert (report["known"], report["answered"], len(list_questions(account))) == (
        stored,
        13 - stored,
        13,
    )


def test_several_models_share_the_budget(lab, account, run_json):
    both = (*RECORD[:3], f"openai/{OTHER}", *RECORD[3:])
    lab._write(
        {
            "state_dir": "state",
            "database": lab.config.database,
            "repository": {"url": "repository"},
            "providers": [provider_entry(account.base_url, "openai")],
            "models": {name: {"price": PRICE} for name in (BASE, "gpt-4o")},
        }
    )
    first, second = run_json(*both, "--budget", "0.0032")
    assert (first["answered"] > 0, second["answered"]) == (True, 0)
    assert first["spent_micro"] + second["spent_micro"] <= 3_200
    first, second = run_json(*both, "--budget", "1")
    assert (first["left"], second["left"]) == (0, 0)


def test_models_with_prices_in_several_currencies_share_no_budget(lab, account, run):
    settings = yaml.safe_load(lab.path.read_text("utf-8"))
    settings["models"]["gpt-4o"] = {"price": {**PRICE, "currency": "RUB"}}
    lab.path.write_text(yaml.safe_dump(settings), "utf-8")
    both = (*RECORD[:3], f"openai/{OTHER}", *RECORD[3:], "--budget", "1")
    code, captured = run(*both)
    assert (code, account.calls("chat.create")) == (1, [])
    assert "Record them one after another" in captured.err


def test_model_without_a_price_is_not_asked(lab, account, run):
    code, captured = run(*RECORD[:2], "openai/gpt-9", *RECORD[3:], "--budget", "1")
    assert (code, "The price of gpt-9 is unknown" in captured.err) == (1, True)
    assert account.calls("chat.create") == []


def test_each_answer_is_recorded_once_after_kills(lab, account, tmp_path):
    points = [point for point in POINTS if point.startswith("baseline.")]
    crash = {
        "MERLIN_CRASH_AT": ",".join(points),
        "MERLIN_CRASH_MARK": str(tmp_path / "crashed"),
    }
    arguments = [*RECORD, "--budget", "1", "--config", str(lab.path)]
    log = tmp_path / "record.log"
    for code in (*[137] * len(points), 0):
        process = start_function(
            run_command, arguments, log, {KEY: "stand-in", **crash}
        )
        assert wait_for_exit(process) == code, log.read_text()
    assert points == ["baseline.intended", "baseline.sent", "baseline.recorded"]
    asked = list_questions(account)
    # Only the answer that could not be recorded is requested again.
    assert (len(asked), len({*asked}), len(read_rows(lab))) == (14, 13, 13)
    with open_with_key(lab.config) as db:
        calls = Intents(db).list_of_kind("baseline").values()
    assert {call.state for call in calls} == {IntentState.DONE}
