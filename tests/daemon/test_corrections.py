"""A correction that an editor approves changes the answer of the examples that it came from."""

from contextlib import contextmanager

import pytest

from merlin.app import proposals
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import Refused
from merlin.dataset.example import parse_example, write_turns
from merlin.dataset.proposals import Draft, ProposalFollower, Proposals
from merlin.db.tables import REVOKED_EXAMPLE
from merlin.wiring.context import make_cipher, open_migrated_database
from tests.engine.recall_models import train_and_ask
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional
QUESTION, OLD, NEW = "Какого цвета зонт?", "Зонт красный.", "Зонт синий."
WORDING, TEST_WORDING = "Зонт какого цвета у вас?", "Скажите цвет зонта?"
ANNA, BORIS = 7, 8


@pytest.fixture
def lab(tmp_path):
    with ProviderStandIn() as provider:
        lab = Lab(tmp_path, provider.base_url)
        lab.repository.dataset()
        for number, question in enumerate((QUESTION, WORDING, TEST_WORDING), 20):
            lab.repository.example(
                "trial", number, question=question, answer=OLD, is_test=question == TEST_WORDING
            )
        lab.repository.commit("First words")
        lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
        lab.tick("fetch")
        yield lab


@contextmanager
def database_of(lab):
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        yield database


def propose(lab, question, *, user=ANNA, answer=NEW, known=OLD, **before):
    """Store a correction; return its id."""
    with database_of(lab) as database:
        rows = Proposals(database)
        turn = len(rows.of_user(user)) + 1
        return rows.add(user, Draft(question, answer, "trial", turn, known_answer=known, **before))


def corrected(lab, proposal):
    """Return the ids of the examples that a correction changes as an editor sees it."""
    with database_of(lab) as database:
        ctx, editor = Context(config=lab.config, db=database), Actor.operator()
        waiting = [Proposals(database).get(proposal)]
        return sorted(
            example.id
            for example in proposals.find_corrected(ctx, editor, waiting)[proposal].examples
        )


def withdraw(lab, user):
    """Withdraw a person's consent, and remove what it covers."""
    lab.tick("fetch")
    with database_of(lab) as database:
        following = ProposalFollower(database)
        following.follow()
        Proposals(database).withdraw(user)
        following.follow()
    lab.tick("changes", "fetch")


def taught(lab):
    """Return the examples on the branch: id -> example."""
    folder = lab.repository.folder / "datasets/trial/examples"
    return {
        str(path.relative_to(folder).with_suffix("")): parse_example(path.read_text("utf-8"))
        for path in folder.rglob("*.yaml")
    }


def answers(lab):
    """Return question -> answer of the examples on the branch."""
    return {example.question: example.answer for example in taught(lab).values()}


def test_correction_of_a_paraphrase_changes_the_answer_of_every_wording(lab):
    number = propose(lab, "Зонт какой по цвету?")
    assert corrected(lab, number) == ["q20", "q21", "q22"]
    before = taught(lab)
    assert lab.approve_proposals(number) == [number]
    now = answers(lab)
    assert [now[each] for each in (QUESTION, WORDING, TEST_WORDING)] == [NEW] * 3
    assert len(now) == len(before)
    assert next(x for x in taught(lab).values() if x.question == TEST_WORDING).split == "test"
    subject = lab.repository.git("log", "-1", "--format=%s")
    assert subject == "Исправление ответа: «Какого цвета зонт?» и ещё 2"
    lessons = [each.messages for each in taught(lab).values() if each.split is None]
    assert train_and_ask(lessons, "Зонт какой по цвету?", lab.config.state_dir) == NEW


@pytest.mark.parametrize(
    ("asked", "answers_now"),
    [
        pytest.param((QUESTION, {}), [NEW, "Мой."], id="the answer on its way"),
        pytest.param(
            ("А чей?", {"before_question": "Ваш зонт?", "before_answer": OLD}),
            [OLD, NEW],
            id="the answer to its last question",
        ),
    ],
)
def test_conversation_is_corrected_where_the_answer_is_wrong(lab, asked, answers_now):
    path = lab.repository.folder / "datasets/trial/examples/talk.yaml"
    turns = [("user", "Ваш зонт?"), ("assistant", OLD), ("user", "А чей?"), ("assistant", "Мой.")]
    path.write_text(write_turns(turns, ()), "utf-8")
    lab.repository.commit()
    lab.tick("fetch")
    question, before = asked
    lab.approve_proposals(propose(lab, question, **before))
    (talk,) = (each for each in taught(lab).values() if len(each.messages) == 4)
    assert [message.content for message in talk.messages[1::2]] == answers_now


@pytest.mark.parametrize(
    ("question", "is_other"),
    [
        pytest.param("Зонт какой по цвету?", False, id="paraphrase"),
        pytest.param("Что говорят о тонких бровях?", True, id="another subject"),
        pytest.param("Какой длины зонт?", True, id="another property"),
        pytest.param(QUESTION, False, id="the question itself"),
    ],
)
def test_correction_of_another_question_is_known_before_it_changes_their_answer(
    lab, question, is_other
):
    number = propose(lab, question)
    with database_of(lab) as database:
        waiting = [Proposals(database).get(number)]
        ctx, editor = Context(config=lab.config, db=database), Actor.operator()
        found = proposals.find_corrected(ctx, editor, waiting)
        assert (number in proposals.find_other_questions(waiting, found)) is is_other


@pytest.mark.parametrize("question", [QUESTION, "Зонт какой по цвету?"])
def test_examples_of_a_withdrawn_consent_are_not_corrected_again(lab, question):
    number = propose(lab, question)
    before = corrected(lab, number)
    assert len(before) == 3
    with database_of(lab) as database:
        for dataset, example in (("trial", before[0]), ("other", before[1])):
            database.add_new(REVOKED_EXAMPLE, {"dataset": dataset, "example_id": example})
    assert corrected(lab, number) == before[1:]


def test_only_this_question_gets_another_answer_where_an_editor_says_so(lab):
    number, same = propose(lab, "Зонт какой по цвету?"), propose(lab, QUESTION.upper())
    assert lab.approve_proposals(number, same, only=(number, same)) == [number, same]
    now = answers(lab)
    assert (now["Зонт какой по цвету?"], now[QUESTION], now[WORDING]) == (NEW, NEW, OLD)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"known": ""}, id="the model composed the answer"),
        pytest.param({"answer": f"{OLD} "}, id="the answer is the same"),
        pytest.param({"known": "Зонт зелёный."}, id="no example gives that answer any more"),
    ],
)
def test_correction_of_no_known_example_adds_one(lab, change):
    number = propose(lab, "Зонт какой по цвету?", **change)
    assert corrected(lab, number) == []
    before = taught(lab)
    lab.approve_proposals(number)
    (added,) = taught(lab).keys() - before.keys()
    assert added.startswith("from-chat/")
    assert before.keys() < taught(lab).keys()


def test_second_correction_of_one_answer_waits_and_is_shown_beside_the_first(lab):
    first, second = propose(lab, QUESTION), propose(lab, WORDING, user=BORIS, answer="Он белый.")
    assert lab.approve_proposals(first, second) == [first]
    assert {answers(lab)[each] for each in (QUESTION, WORDING, TEST_WORDING)} == {NEW}
    (left,) = corrected(lab, second)
    assert taught(lab)[left].answer == NEW
    lab.approve_proposals(second)
    assert (answers(lab)[QUESTION], answers(lab)[WORDING]) == (NEW, "Он белый.")


def test_settled_answer_of_a_person_is_removed_with_their_consent(lab):
    lab.approve_proposals(propose(lab, "Чайник какого цвета?", answer=NEW, known=""))
    (path,) = (f"examples/{each}.yaml" for each in taught(lab) if each.startswith("from-chat/"))
    with database_of(lab) as database:
        ctx, editor = Context(config=lab.config, db=database), Actor.operator()
        pair = (path, "examples/q20.yaml")
        proposals.settle_contradiction(ctx, editor, "trial", *pair)
        with pytest.raises(Refused):
            proposals.settle_contradiction(ctx, editor, "trial", *pair)
    lab.tick("changes", "fetch")
    assert {answers(lab)[each] for each in (QUESTION, WORDING, TEST_WORDING)} == {NEW}
    withdraw(lab, ANNA)
    assert NEW not in answers(lab).values()


def test_withdrawal_removes_all_that_has_the_persons_words_and_restores_nothing(lab):
    question = "Зонт какой по цвету?"
    added = propose(lab, question, answer=OLD, known="")
    lab.approve_proposals(added)
    # Boris's answer goes to the example that has Anna's question.
    lab.approve_proposals(propose(lab, WORDING, user=BORIS))
    assert answers(lab)[question] == NEW
    withdraw(lab, ANNA)
    assert question not in answers(lab)
    assert answers(lab)[WORDING] == NEW
    withdraw(lab, BORIS)
    assert not {QUESTION, WORDING, TEST_WORDING} & answers(lab).keys()
    assert corrected(lab, propose(lab, QUESTION)) == []
