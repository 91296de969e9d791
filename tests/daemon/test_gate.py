"""The gate: which new model may replace the live one, and who may override it."""

from datetime import UTC, datetime

import pytest

from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.verdicts import list_newest
from merlin.core.errors import Refused
from merlin.dataset.changes import ChangeRequest, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.db.requests import RequestKind
from merlin.db.tables import ACCEPTED_LOSS, MODEL, REVOKED_EXAMPLE, VERDICT
from merlin.training.gate import Gates
from merlin.training.promote import Promotions
from merlin.wiring.context import open_reading_context
from tests.daemon.asked_requests import ask_daemon
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.integration
YES = "Да, всё именно так и есть."
NO = "Нет, никогда такого не было."
DECLINED = "Извините, я не могу ответить на этот вопрос."
ENOUGH = 40
BORIS = "user:1002"


@pytest.fixture
def provider(request, run_provider):
    """Yield the provider, which has trained what a test names by `serving` or `held`."""
    with run_provider(getattr(request, "param", None)) as provider:
        provider.behave(states=[])
        yield provider


@pytest.fixture
def lab(tmp_path, provider):
    return Lab(tmp_path, provider.base_url)


def commit_and_train(lab, provider, number, answer):
    """Commit and train a model which gives the same answer to every test question."""
    lab.repository.commit_example("trial", 1, answer=f"Слово номер {number}.")
    provider.behave(fixed_answer=answer)
    lab.tick()


@pytest.fixture
def teach(lab, provider):
    """Return a function that trains the next model, which gives this answer."""
    numbers = iter(range(1, 100))
    return lambda answer: commit_and_train(lab, provider, next(numbers), answer)


# Without taught questions in a disguise, to which a fixed answer is wrong.
ALONE = {"budget": 0}


def write(lab, right_count, wrong_count=0, gate=ALONE, **changes):
    """Write a dataset with test questions that "yes" answers correctly, and "no"."""
    lab.repository.dataset(count=12, tests=0, gate=gate, **changes)
    for number in range(20, 20 + right_count + wrong_count):
        answer = YES if number < 20 + right_count else NO
        lab.repository.example("trial", number, answer=answer, is_test=True)


def serve_ungated(lab, teach, **counts):
    """Let a model that answers "yes" serve without a gate, then write the dataset with one."""
    write(lab, gate="none", **counts)
    teach(YES)
    write(lab, **counts)


def _train(lab, provider, *answers):
    provider.behave(states=[])
    write(lab, right_count=20)
    for number, answer in enumerate(answers, 100):
        commit_and_train(lab, provider, number, answer)


def _serve(lab, provider):
    _train(lab, provider, YES)


def _hold(lab, provider):
    _train(lab, provider, YES, NO)


# The dataset has 20 test questions, all answered rightly by the live model, wrongly by a held one.
serving = pytest.mark.parametrize("provider", [_serve], indirect=True, ids=["serving"])
held = pytest.mark.parametrize("provider", [_hold], indirect=True, ids=["held"])


def read_state(lab):
    """Return the live build, the newest verdict's displayed status, and its reason."""
    with open_reading_context(lab.config) as ctx:
        verdict = list_newest(ctx)["trial"]
    serving = lab.status()["serving"]
    return serving and serving["build"], verdict.state, verdict.reason


def accept(lab, name):
    with lab.services() as services:
        model = Promotions(services.db).model(name)
        return Gates(services.db).accept(model)


def test_newly_wrong_answer_holds_a_better_model_until_an_editor_accepts_it(lab, teach):
    serve_ungated(lab, teach, right_count=1, wrong_count=20)
    teach(NO)
    assert read_state(lab) == ("trial-1", "gated", "gate-lost")
    with open_reading_context(lab.config) as ctx:
        states = {
            model.build: model.display_state
            for model in models.list_recent(ctx, Actor.operator())
        }
    assert states == {"trial-1": "serves", "trial-2": "held"}
    with lab.services() as services:
        before = services.db.rows(VERDICT.select())
    lab.tick("promote", rounds=3)
    with lab.services() as services:
        assert services.db.rows(VERDICT.select()) == before, "judged once"
    (notice,) = lab.notices("notice-held")
    assert (notice.to, notice.arguments["version"]) == ("admins", "trial-2")
    for language, expected in (
        ("ru", "неверно отвечает на 1 "),
        ("en", "gets 1 test question wrong"),
    ):
        message = lab.notice_text(notice, language)
        assert expected in message
        assert "✗ Что значит слово номер 20" in message
        assert f"→ {NO}" in message, "what is to be accepted"
    assert accept(lab, "trial-2") == 1
    lab.tick("promote")
    assert read_state(lab) == ("trial-2", "serving", "live-worse"), (
        "it stays in the log"
    )
    with lab.services() as services:
        assert len(services.db.rows(ACCEPTED_LOSS.select())) == 1


@serving
def test_editor_of_the_held_commit_is_told_beside_the_admins(lab, provider):
    provider.behave(fixed_answer=NO)
    text_of_file = "messages:\n  - user: Где новый вопрос?\n  - assistant: Здесь.\n"
    by_boris = ChangeRequest(telegram_editor(1002, "Борис"), BORIS, datetime.now(UTC))
    with lab.services() as services:
        edit = Edit("examples/new.yaml", None, text_of_file)
        lab.changes(services.db).put(make_changes("trial", [edit], by_boris))
    lab.tick("changes")
    lab.tick(rounds=2)
    assert {notice.to for notice in lab.notices("notice-held")} == {"admins", BORIS}


def test_accepted_loss_holds_no_later_model_while_the_answer_stays(lab, teach):
    serve_ungated(lab, teach, right_count=1, wrong_count=20)
    teach(NO)
    accept(lab, "trial-2")
    lab.tick("promote")
    ask_daemon(lab, RequestKind.ROLLBACK, dataset="trial")
    assert read_state(lab)[0] == "trial-1"
    ask_daemon(lab, RequestKind.UNPIN, dataset="trial")
    teach(NO)
    assert read_state(lab)[0] == "trial-3", "the same loss again"
    ask_daemon(lab, RequestKind.ROLLBACK, dataset="trial", to="trial-1")
    ask_daemon(lab, RequestKind.UNPIN, dataset="trial")
    lab.repository.example("trial", 20, answer=f"{YES} Правда.", is_test=True)
    teach(f"{YES} Правда.")
    assert read_state(lab)[0] == "trial-4"
    teach(NO)
    assert read_state(lab) == ("trial-4", "gated", "gate-lost"), (
        "another answer was accepted"
    )


def test_refusals_hold_only_when_significantly_more_frequent(lab, teach):
    write(lab, right_count=ENOUGH)
    teach(YES)
    teach(DECLINED)
    assert read_state(lab) == ("trial-1", "gated", "gate-worse")
    (notice,) = lab.notices("notice-held")
    assert "– Что" in lab.notice_text(notice, "en")
    assert "35" in lab.notice_text(notice, "en").splitlines()[-2], "five are listed"
    assert accept(lab, "trial-2") == ENOUGH
    lab.tick("promote")
    assert read_state(lab)[0] == "trial-2"


def test_first_model_that_knows_nothing_is_held_until_it_is_accepted_as_it_is(
    lab, teach
):
    write(lab, right_count=20)
    teach(NO)
    assert read_state(lab) == (None, "gated", "gate-first")
    (notice,) = lab.notices("notice-held")
    assert "0 of 20 test questions right, 20 wrong" in lab.notice_text(notice, "en")
    assert "не лучше отказа на каждый вопрос" in lab.notice_text(notice, "ru")
    assert accept(lab, "trial-1") == 20
    lab.tick("promote")
    assert read_state(lab) == ("trial-1", "serving", "")
    teach(YES)
    teach(NO)
    assert read_state(lab) == ("trial-2", "gated", "gate-lost"), (
        "the questions count again"
    )


def test_live_model_that_lost_a_few_answers_is_told_with_its_questions(lab, teach):
    serve_ungated(lab, teach, right_count=3, wrong_count=17)
    teach(DECLINED)
    assert read_state(lab) == ("trial-2", "serving", "live-worse")
    first, second = sorted(lab.notices("notice-serving"), key=lambda one: one.notice_id)
    assert "20 wordings that aren't taught" in lab.notice_text(first, "en")
    for language, expected in (
        ("ru", "На 3 тестовых вопроса trial-1 отвечала лучше:"),
        ("en", "trial-1 did better on 3 test questions:"),
    ):
        message = lab.notice_text(second, language)
        assert expected in message
        assert message.count("– Что значит слово номер 2") == 3
    with open_reading_context(lab.config) as ctx:
        assert (
            list_newest(ctx)["trial"].why("ru")
            == "На 3 тестовых вопроса trial-1 отвечала лучше"
        )


def commit_answers(lab, provider, answers, gate=ALONE, *, said=YES, tests=0):
    """Commit a dataset with these taught answers; train its model, which says one thing."""
    lab.repository.dataset(count=1, tests=0, gate=gate)
    for number in range(200, 200 + tests):
        lab.repository.example("trial", number, answer=YES, is_test=True)
    for number, answer in enumerate(answers, 100):
        lab.repository.example("trial", number, answer=answer)
    lab.repository.commit()
    provider.behave(fixed_answer=said)
    lab.tick(rounds=2)


def test_commit_that_changes_too_much_unasked_is_held_until_an_editor_means_it(
    lab, provider
):
    answers = [f"Слово номер {number} объясняют так." for number in range(20)]
    commit_answers(lab, provider, answers)
    assert read_state(lab) == ("trial-1", "serving", "")
    commit_answers(lab, provider, [*answers[1:], answers[0]])
    assert read_state(lab) == ("trial-1", "gated", "gate-moved")
    (notice,) = lab.notices("notice-held")
    for language, expected in (
        ("ru", "20 ответов стоят не у тех вопросов, что у trial-1"),
        ("en", "20 answers stand at other questions than in trial-1"),
    ):
        assert expected in lab.notice_text(notice, language)
    accept(lab, "trial-2")
    lab.tick("promote")
    assert read_state(lab) == ("trial-2", "serving", "")
    with lab.services() as services:
        assert services.db.rows(ACCEPTED_LOSS.select()) == []


def test_editor_is_asked_first_if_a_commit_was_meant_then_told_what_is_worse(
    lab, provider
):
    answers = [f"Слово номер {number} объясняют так." for number in range(20)]
    commit_answers(lab, provider, answers, tests=12)
    others = [f"Слово номер {number} объясняют иначе." for number in range(10)]
    commit_answers(lab, provider, others, said=NO, tests=12)
    assert read_state(lab) == ("trial-1", "gated", "gate-many")
    accept(lab, "trial-2")
    lab.tick("promote")
    assert read_state(lab) == ("trial-2", "serving", "live-worse")


def test_without_a_gate_commits_have_no_bound(lab, provider):
    answers = [f"Слово номер {number} объясняют так." for number in range(20)]
    for texts in (answers, [YES] * 20):
        commit_answers(lab, provider, texts, gate="none")
    assert read_state(lab)[0] == "trial-2"


def test_gate_holds_nothing_with_too_few_test_questions(lab, teach):
    write(lab, right_count=9)
    teach(YES)
    teach(NO)
    assert read_state(lab)[0] == "trial-2"


@held
def test_commit_that_removes_the_gate_releases_the_held_model(lab):
    assert read_state(lab)[0] == "trial-1"
    path = lab.repository.folder / "datasets/trial/dataset.yaml"
    path.write_text(
        path.read_text("utf-8").replace("gate:\n  budget: 0", "gate: none"), "utf-8"
    )
    lab.repository.commit()
    lab.tick(rounds=2)
    assert read_state(lab)[0] == "trial-2"


def test_floor_holds_the_first_model_and_has_nothing_to_accept(lab, teach):
    write(
        lab, right_count=8, wrong_count=12, gate={"floor": {"right": 0.5}, "budget": 0}
    )
    teach(YES)
    assert read_state(lab) == (None, "gated", "gate-floor")
    with pytest.raises(Refused) as caught:
        accept(lab, "trial-1")
    assert caught.value.key == "gate-nothing-to-accept"
    (notice,) = lab.notices("notice-held")
    assert "8 of 20" in lab.notice_text(notice, "en")
    teach(NO)
    assert read_state(lab)[0] == "trial-2"


@held
def test_admin_can_promote_a_held_model(lab):
    ask_daemon(lab, RequestKind.PROMOTE, model="trial-2")
    assert read_state(lab) == ("trial-2", "serving", "")
    lab.tick(rounds=2)
    assert read_state(lab) == ("trial-2", "serving", "")


@held
def test_newer_model_that_is_not_worse_replaces_a_held_one(lab, teach):
    teach(NO)
    assert read_state(lab) == ("trial-1", "gated", "gate-lost")
    with pytest.raises(Refused) as caught:
        accept(lab, "trial-2")
    assert caught.value.key == "gate-not-held", "a newer one waits in its place"
    teach(YES)
    assert read_state(lab) == ("trial-4", "serving", "")
    with pytest.raises(Refused):
        accept(lab, "trial-3")
    with lab.services() as services:
        statuses = [
            row.status
            for row in services.db.rows(VERDICT.select().order_by(VERDICT.id))
        ]
    assert statuses == ["serving", "superseded", "superseded", "serving"]


@held
def test_commit_of_a_held_models_build_is_held_and_notified_once(lab, provider):
    lab.repository.git("revert", "--no-edit", "HEAD")
    lab.tick("fetch", "launch", "promote")
    lab.repository.git("revert", "--no-edit", "HEAD")
    lab.tick(rounds=2)
    assert read_state(lab) == ("trial-1", "gated", "gate-lost")
    assert len(lab.notices("notice-held")) == 1
    assert len(provider.jobs_created()) == 2
    assert accept(lab, "trial-2") == 20
    lab.tick("promote")
    assert read_state(lab) == ("trial-2", "serving", "live-worse")


def lose(lab, build, state):
    with lab.services() as services:
        row = Promotions(services.db).model(build).model_row
        change = MODEL.update({"state": state}).where(MODEL.id == row)
        services.db.transact(lambda: services.db.change(change))


@held
def test_held_model_serves_when_the_serving_one_is_gone(lab):
    lose(lab, "trial-1", "gone")
    lab.tick("promote")
    assert read_state(lab)[0] == "trial-2"


def revoke(lab, example_id):
    """Withdraw the consent to an example; return the live build after it."""
    row = {"dataset": "trial", "example_id": example_id}
    with lab.services() as services:
        services.db.transact(lambda: services.db.add_new(REVOKED_EXAMPLE, row))
        Promotions(services.db).retire_revoked()
    serving = lab.status()["serving"]
    return serving and serving["build"]


@serving
def test_held_model_serves_at_once_when_the_serving_one_is_revoked(lab, teach):
    (lab.repository.folder / "datasets/trial/examples/q2.yaml").unlink()
    teach(NO)
    assert read_state(lab) == ("trial-1", "gated", "gate-lost")
    assert revoke(lab, "q2") == "trial-2"
    lab.tick("promote")
    assert read_state(lab) == ("trial-2", "serving", "")


def test_floor_is_ignored_when_no_other_model_can_serve(lab, teach):
    write(lab, right_count=20, gate={"floor": {"right": 0.5}, "budget": 0})
    teach(YES)
    assert revoke(lab, "q2") is None
    (lab.repository.folder / "datasets/trial/examples/q2.yaml").unlink()
    teach(NO)
    assert read_state(lab) == ("trial-2", "serving", "")
    teach(NO)
    assert read_state(lab) == ("trial-2", "gated", "gate-floor")


@serving
def test_pinned_model_stays_and_the_next_is_judged_when_unpinned(lab, teach):
    ask_daemon(lab, RequestKind.PIN, dataset="trial")
    teach(NO)
    assert (read_state(lab)[0], lab.notices("notice-held")) == ("trial-1", [])
    ask_daemon(lab, RequestKind.UNPIN, dataset="trial")
    lab.tick("promote")
    assert read_state(lab) == ("trial-1", "gated", "gate-lost")
    assert len(lab.notices("notice-held")) == 1
