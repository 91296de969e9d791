"""Canary releases: a new model first answers some people, then everyone or no one."""

import asyncio
from collections import Counter

import pytest
import yaml

from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.verdicts import list_newest
from merlin.chat.answer import AnswerObserver, AnswerService, RetryPolicy
from merlin.chat.canary import count_answer
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.model_catalogue import (
    ModelCatalogue,
    ModelRequest,
    candidates,
    find_first_candidate,
)
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.db.requests import RequestKind, Requests
from merlin.db.tables import CANARY, MODEL
from merlin.db.writer import Store
from merlin.providers.openai_chat import OpenAIChat
from merlin.training.models import Models, ModelState
from merlin.wiring.context import open_reading_context
from tests.support.faults import Fault, FaultKind
from tests.support.migrated_databases import on_both_databases
from tests.support.pipeline_lab import DATASET, Lab

pytestmark = pytest.mark.integration
RULE = {"share": 0.3, "answers": 20}
LONG_AGO = "2026-01-01T00:00:00.000Z"


def _serve(lab, provider):
    provider.behave(states=[])
    lab.repository.dataset(canary=RULE)
    lab.repository.commit()
    lab.until_serving("trial-1")


@pytest.fixture
def provider(run_provider):
    """Yield the provider of a live model."""
    with run_provider(_serve) as provider:
        provider.behave(states=[])
        yield provider


@pytest.fixture
def lab(tmp_path, provider, database_setting):
    return Lab(tmp_path, provider.base_url, **database_setting)


def train_next(lab, number):
    """Commit, train, evaluate and start the canary of the next model."""
    lab.repository.example("trial", 1, answer=f"Слово номер {number}.")
    lab.repository.commit()
    lab.tick()


def ask_questions(lab, *users):
    """Let these people ask; count the results by the version that is asked first."""

    async def run(services):
        provider = lab.config.providers[0]
        answerer = OpenAIChat(provider.base_url, "stand-in")
        answer_service = AnswerService({provider.name: answerer}, RetryPolicy(tries=1))
        catalogue, store, counts = ModelCatalogue(services.db), Store(services.db), Counter()
        try:
            for user in users:
                request = ModelRequest("trial", None, [], user_id=user)
                first = find_first_candidate(catalogue, request)
                route = candidates(catalogue, store, request, first)
                reply = await answer_service.reply(
                    route, (Message("user", "Да?"),), AnswerObserver()
                )
                await store.do(lambda reply=reply: count_answer(services.db, reply))
                counts[first.version, reply.ending.value] += 1
        finally:
            store.close()
            await answerer.aclose()
        return counts

    with lab.services() as services:
        return asyncio.run(run(services))


def versions(lab, users=range(1, 401)):
    """Return the version that would answer each of these people."""
    with open_reading_context(lab.config) as ctx:
        catalogue = ModelCatalogue(ctx.db)
        requests = [ModelRequest("trial", None, [], user_id=user) for user in users]
        return [find_first_candidate(catalogue, request).version for request in requests]


def read_state(lab):
    """Return the live build, the newest verdict's displayed status, and its reason."""
    with open_reading_context(lab.config) as ctx:
        verdict = list_newest(ctx)["trial"]
    return lab.status()["serving"]["build"], verdict.shown_status, verdict.reason


def update_table(lab, table, **values):
    with lab.services() as services:
        services.db.transact(lambda: services.db.change(table.update(values)))


def canary_rows(lab):
    with lab.services() as services:
        return services.db.rows(CANARY.select())


def send_request(lab, kind, **arguments):
    with lab.services() as services:
        Requests(services.db).ask(kind, arguments, "user:1003")
    lab.tick("serve", "promote", rounds=2)


TRIED = ("trial-1", "canary", "canary")


def test_canary_answers_its_share_of_users_and_always_the_same_ones(lab):
    assert set(versions(lab)) == {"trial-1"}, "the first model needs no canary"
    train_next(lab, 1)
    assert read_state(lab) == TRIED
    first = versions(lab)
    assert 0.2 < first.count("trial-2") / len(first) < 0.4
    assert first == versions(lab)
    assert versions(lab, [0]) == ["trial-1"], "a question without a person"
    (notice,) = lab.notices("notice-canary")
    assert "отвечает 30 %" in lab.notice_text(notice, "ru").replace("\xa0", " ")
    with open_reading_context(lab.config) as ctx:
        states = {
            model.title: model.display_state for model in models.list_recent(ctx, Actor.operator())
        }
    assert states == {"trial-2": "canary", "trial-1": "serves"}
    train_next(lab, 2)
    second = versions(lab)
    assert "trial-2" not in second, "a newer model replaces the canary"
    people = [
        {user for user, version in enumerate(versions_now) if version != "trial-1"}
        for versions_now in (first, second)
    ]
    assert people[0] - people[1], "each canary gets other people"
    assert people[1] - people[0]


@on_both_databases
def test_canary_is_promoted_after_enough_time_and_answers(lab):
    train_next(lab, 1)
    counts = ask_questions(lab, *range(1, 121))
    assert {ending for _, ending in counts} == {"whole"}
    lab.tick("promote", rounds=2)
    assert read_state(lab) == TRIED, "its time is not up"
    update_table(lab, CANARY, until=LONG_AGO)
    lab.tick("promote")
    assert read_state(lab) == ("trial-2", "serving", "")
    assert set(versions(lab)) == {"trial-2"}
    assert not canary_rows(lab)
    assert len(lab.notices("notice-serving")) == 2


def test_share_doubles_until_everyone_is_asked_when_too_few_ask(lab):
    train_next(lab, 1)
    shares, before = [], set()
    while canary_rows(lab):
        people = {user for user, version in enumerate(versions(lab)) if version == "trial-2"}
        assert before <= people, "whom it answers it goes on answering"
        before = people
        shares.append(canary_rows(lab)[0]["share"])
        with open_reading_context(lab.config) as ctx:
            reason = list_newest(ctx)["trial"].why("ru")
        assert ("остальным" in reason) == (shares[-1] < 1), reason
        update_table(lab, CANARY, until=LONG_AGO)
        lab.tick("promote")
    assert shares == [0.3, 0.6, 1.0]
    assert read_state(lab) == ("trial-2", "serving", "")


def test_canary_that_fails_more_often_is_withdrawn_and_held(lab, provider):
    train_next(lab, 1)
    fault = {"status": 503, "times": None, "only": {"model": lab.model("trial-2").model_id}}
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, **fault))
    ask_questions(lab, *range(1, 61))
    lab.tick("promote")
    assert read_state(lab) == ("trial-1", "gated", "canary-worse")
    assert set(versions(lab)) == {"trial-1"}
    lab.tick("promote", rounds=3)
    (notice,) = lab.notices("notice-canary-worse")
    bad = notice.arguments["reason"]["arguments"]
    assert bad["bad"] == bad["of"] >= 5
    assert bad["serving_bad"] == 0 < bad["serving_of"]
    assert f"осталось {bad['bad']} вопрос" in lab.notice_text(notice, "ru")
    assert "got no answer from it" in lab.notice_text(notice, "en")
    send_request(lab, RequestKind.PROMOTE, model="trial-2")
    assert read_state(lab) == ("trial-2", "serving", "")


def test_canary_is_not_worse_when_both_models_fail_alike(lab, provider):
    train_next(lab, 1)
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=503, times=None))
    ask_questions(lab, *range(1, 61))
    lab.tick("promote")
    assert read_state(lab) == TRIED


def dislike(lab, model_id, people):
    """Let a model answer these people, and let each press 👎 twice."""

    def press(db):
        for user in people:
            session = Sessions(db, 1).open(ChatPlace(user, user))
            for update in (10 * user + 1, 10 * user + 2):
                turn = Turns(db, 1).ask(Question(session.session_id, update, user, "Да?"), None)
                answer = StoredAnswer("Да.", provider="stand-in", model_id=model_id)
                Turns(db, 1).write(update, answer)
                Ratings(db, 1).rate(turn.turn_id, user, Rating.DOWN)

    with lab.services() as services:
        services.db.transact(lambda: press(services.db))


@on_both_databases
def test_disliked_canary_is_withdrawn_and_each_user_counts_once(lab):
    train_next(lab, 1)
    ask_questions(lab, *range(1, 201))
    dislike(lab, lab.model("trial-1").model_id, range(1, 3))
    dislike(lab, lab.model("trial-2").model_id, range(10, 14))
    lab.tick("promote")
    assert read_state(lab) == TRIED, "four people are too few"
    with open_reading_context(lab.config) as ctx:
        view = models.find(ctx, Actor.operator(), "trial-2")
    asked = view.arguments["answered"], view.arguments["serving_answered"]
    assert (sum(asked), view.arguments["failures"]) == (200, 0)
    so_far = text("ru", view.reason, **view.arguments)
    assert f"ответов {asked[0]}, без ответа 0, поставили 👎: 4; у trial-1" in so_far
    dislike(lab, lab.model("trial-2").model_id, range(20, 28))
    lab.tick("promote")
    assert read_state(lab) == ("trial-1", "gated", "canary-worse")
    (notice,) = lab.notices("notice-canary-worse")
    reason = notice.arguments["reason"]["arguments"]
    assert (reason["sign"], reason["bad"], reason["serving_bad"]) == ("dislikes", 12, 2)
    assert "12 человек" in lab.notice_text(notice, "ru")


def test_pin_rollback_and_manual_promotion_end_the_trial(lab):
    train_next(lab, 1)
    send_request(lab, RequestKind.PIN, dataset="trial")
    assert (read_state(lab)[:2], canary_rows(lab)) == (("trial-1", "training"), [])
    send_request(lab, RequestKind.UNPIN, dataset="trial")
    assert read_state(lab) == TRIED
    send_request(lab, RequestKind.PROMOTE, model="trial-2")
    assert (read_state(lab), canary_rows(lab)) == (("trial-2", "serving", ""), [])
    train_next(lab, 2)
    assert read_state(lab) == ("trial-2", "canary", "canary")
    send_request(lab, RequestKind.ROLLBACK, dataset="trial")
    assert (read_state(lab), canary_rows(lab)) == (("trial-1", "superseded", ""), [])
    assert set(versions(lab)) == {"trial-1"}


def test_canary_whose_commit_left_the_branch_ends(lab):
    train_next(lab, 1)
    lab.repository.git("reset", "-q", "--hard", "HEAD~1")
    lab.tick(rounds=2)
    assert not canary_rows(lab)
    assert read_state(lab)[0] == "trial-1"
    assert set(versions(lab)) == {"trial-1"}


FLOOR = {"gate": {"floor": {"right": 1}}, "split": {"test": 0, "min_test": 1}}


def test_hold_of_a_newer_model_ends_the_canary(lab):
    train_next(lab, 1)
    lab.repository.dataset(canary=RULE, **FLOOR)
    train_next(lab, 2)
    assert read_state(lab) == ("trial-1", "gated", "gate-floor")
    assert (set(versions(lab)), canary_rows(lab)) == ({"trial-1"}, [])
    with open_reading_context(lab.config) as ctx:
        assert not models.find(ctx, Actor.operator(), "trial-2").canary


def test_commit_that_replaces_the_canary_rule_with_a_gate_ends_the_canary(lab):
    train_next(lab, 1)
    spec = lab.repository.folder / "datasets/trial/dataset.yaml"
    spec.write_text(yaml.safe_dump({**DATASET, **FLOOR}, allow_unicode=True), encoding="utf-8")
    lab.repository.commit()
    lab.tick()
    with open_reading_context(lab.config) as ctx:
        assert models.find(ctx, Actor.operator(), "trial-2").reason == "gate-floor"
    assert (set(versions(lab)), canary_rows(lab)) == ({"trial-1"}, [])


@pytest.mark.parametrize("state", ["gone", "revoked"])
def test_canary_that_is_gone_or_revoked_gets_no_questions(lab, state):
    train_next(lab, 1)
    update_table(lab, MODEL, state="good")
    row = lab.model("trial-2").model_row
    with lab.services() as services:
        update = MODEL.update({"state": state}).where(MODEL.id == row)
        services.db.transact(lambda: services.db.change(update))
    assert set(versions(lab)) == {"trial-1"}


def test_admins_are_told_of_a_canary_whose_model_is_gone(lab):
    train_next(lab, 1)
    with lab.services() as services:
        Models(services.db).settle(lab.model("trial-2"), ModelState.GONE, None, "")
    lab.tick(rounds=2)
    assert not canary_rows(lab)
    (notice,) = lab.notices("notice-canary-gone")
    assert "больше нет trial-2" in lab.notice_text(notice, "ru")


def test_without_a_canary_rule_a_new_model_serves_at_once(lab):
    train_next(lab, 1)
    lab.repository.dataset()
    train_next(lab, 2)
    assert read_state(lab)[0] == "trial-3"
    assert not canary_rows(lab)
