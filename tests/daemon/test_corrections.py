"""A correction that an editor approves changes the answer of the examples that it came from."""

import re
from contextlib import contextmanager

import pytest

from merlin.app import contradictions, reviews
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import Refused
from merlin.dataset.example_file import parse_example, write_turns
from merlin.dataset.proposal_follower import ProposalFollower
from merlin.dataset.proposals import Draft, Proposals
from merlin.db.tables import BUILD, PROPOSAL, REVOKED_EXAMPLE
from merlin.training.models import revoked_builds
from tests.engine.recall_models import train_and_ask
from tests.support.opened_databases import open_with_key

pytestmark = pytest.mark.functional
QUESTION = "Какого цвета зонт?"
OLD = "Зонт красный."
NEW = "Зонт синий."
WORDING = "Зонт какого цвета у вас?"
TEST_WORDING = "Скажите цвет зонта?"
ANNA = 7
BORIS = 8
EDITOR = Actor.operator()


def fetch_umbrella(lab):
    """Make a dataset with three questions of one answer, and fetch it."""
    lab.repository.dataset()
    for number, question in enumerate((QUESTION, WORDING, TEST_WORDING), 20):
        lab.repository.example(
            "trial",
            number,
            question=question,
            answer=OLD,
            is_test=question == TEST_WORDING,
        )
    lab.repository.commit("First words")
    lab.tick("fetch")


@pytest.fixture
def prepared():
    return fetch_umbrella


def propose(lab, question, *, user=ANNA, answer=NEW, known=OLD, **before):
    """Store a correction; return its id."""
    with open_with_key(lab.config) as database:
        rows = Proposals(database)
        turn = len(rows.of_user(user)) + 1
        return rows.add(
            user, Draft(question, answer, "trial", turn, known_answer=known, **before)
        )


@contextmanager
def reviewing(lab, *numbers):
    """Yield the context, the editor, and the proposals of these numbers."""
    with open_with_key(lab.config) as database:
        waiting = [Proposals(database).get(number) for number in numbers]
        yield Context(config=lab.config, db=database), EDITOR, waiting


def corrected(lab, proposal):
    """Return the ids of the examples that a correction changes as an editor sees it."""
    with reviewing(lab, proposal) as review:
        found = reviews.find_corrected(*review)[proposal]
        return sorted(example.id for example in found.examples)


def withdraw(lab, user):
    """Withdraw a person's consent, and remove what it covers."""
    lab.tick("fetch")
    with open_with_key(lab.config) as database:
        following = ProposalFollower(database)
        following.follow()
        Proposals(database).withdraw(user)
        following.follow()
    lab.tick("changes", "fetch")


def taught(lab):
    """Return the examples on the branch: id -> example."""
    folder = lab.repository.folder / "datasets/trial/examples"
    return {
        str(path.relative_to(folder).with_suffix("")): parse_example(
            path.read_text("utf-8")
        )
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
    (added,) = taught(lab).keys() - before.keys()
    asked = taught(lab)[added]
    assert (asked.question, asked.answer, asked.split) == (
        "Зонт какой по цвету?",
        NEW,
        "train",
    )
    assert (
        next(x for x in taught(lab).values() if x.question == TEST_WORDING).split
        == "test"
    )
    subject = lab.repository.git("log", "-1", "--format=%s")
    assert subject == "Исправление ответа: «Какого цвета зонт?» и ещё 3"
    lessons = [each.messages for each in taught(lab).values() if each.split != "test"]
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
    turns = [
        ("user", "Ваш зонт?"),
        ("assistant", OLD),
        ("user", "А чей?"),
        ("assistant", "Мой."),
    ]
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
    with reviewing(lab, number) as review:
        found = reviews.find_corrected(*review)
        assert (number in reviews.find_other_questions(review[2], found)) is is_other


@pytest.mark.parametrize("question", [QUESTION, "Зонт какой по цвету?"])
def test_examples_of_a_withdrawn_consent_are_not_corrected_again(lab, question):
    number = propose(lab, question)
    before = corrected(lab, number)
    assert len(before) == 3
    with open_with_key(lab.config) as database:
        for dataset, example in (("trial", before[0]), ("other", before[1])):
            database.add_new(
                REVOKED_EXAMPLE, {"dataset": dataset, "example_id": example}
            )
    assert corrected(lab, number) == before[1:]


def test_only_this_question_gets_another_answer_where_an_editor_says_so(lab):
    number = propose(lab, "Зонт какой по цвету?")
    same = propose(lab, QUESTION.upper())
    assert lab.approve_proposals(number, same, replaced={number: "", same: ""}) == [
        number,
        same,
    ]
    now = answers(lab)
    assert (now["Зонт какой по цвету?"], now[QUESTION], now[WORDING]) == (NEW, NEW, OLD)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"known": ""}, id="the model composed the answer"),
        pytest.param({"answer": f"{OLD} "}, id="the answer is the same"),
        pytest.param(
            {"known": "Зонт зелёный."}, id="no example gives that answer any more"
        ),
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


def test_offered_answer_is_replaced_everywhere_where_an_editor_says_so(lab):
    number = propose(lab, "Почём зонт по цвету?", known="")
    lab.approve_proposals(number, replaced={number: OLD})
    now = answers(lab)
    assert [now[each] for each in ("Почём зонт по цвету?", QUESTION, WORDING)] == [
        NEW
    ] * 3
    assert OLD not in now.values()


def test_corrected_example_keeps_its_file_and_stays_taught(lab):
    """Its hash is of the test part: with another wording of its answer it would be tested only."""
    lab.repository.example("trial", 30, question="Где касса?", answer="Слева.")
    settings = lab.repository.folder / "datasets/trial/dataset.yaml"
    written = settings.read_text("utf-8").replace("test: 0", "test: 0.9")
    settings.write_text(
        re.sub("base_model: .*", "base_model: recall", written), "utf-8"
    )
    lab.repository.commit()
    lab.tick("fetch")
    path = "datasets/trial/examples/q30.yaml"
    assert "split" not in (lab.repository.folder / path).read_text("utf-8")
    lab.approve_proposals(
        propose(lab, "Кассу где найти?", answer="Справа.", known="Слева.")
    )
    now = taught(lab)
    assert (now["q30"].answer, now["q30"].split) == ("Справа.", "train")
    history = lab.repository.git("log", "--format=%s", "--", path).splitlines()
    assert len(history) == 2


def revoked_versions(lab):
    """Return the builds with words of a withdrawn consent, by number."""
    with open_with_key(lab.config) as database:
        query = BUILD.select(BUILD.number).where(BUILD.id.in_(revoked_builds()))
        return {number for (number,) in database.rows(query)}


def write_again(lab, text):
    """Write the example q20 by git; return the number of the build."""
    path = lab.repository.folder / "datasets/trial/examples/q20.yaml"
    path.write_text(text, "utf-8")
    lab.repository.commit("Write again")
    lab.tick("fetch")
    return int(lab.status()["build"].rpartition("-")[2])


def test_withdrawal_revokes_the_corrected_versions_of_a_file_and_no_other(lab):
    path = lab.repository.folder / "datasets/trial/examples/q20.yaml"
    old = path.read_text("utf-8")
    lab.approve_proposals(propose(lab, QUESTION))
    corrected_text = path.read_text("utf-8")
    edited = write_again(lab, corrected_text.replace(NEW, "Зонт тёмно-синий."))
    withdraw(lab, ANNA)
    assert not path.exists()
    assert revoked_versions(lab) == {2, edited}
    assert write_again(lab, old) not in revoked_versions(lab)
    assert write_again(lab, corrected_text) in revoked_versions(lab)


def test_withdrawal_leaves_a_file_whose_correction_was_undone(lab):
    path = lab.repository.folder / "datasets/trial/examples/q20.yaml"
    old = path.read_text("utf-8")
    number = propose(lab, QUESTION)
    lab.approve_proposals(number, replaced={number: ""})
    undone = write_again(lab, old)
    withdraw(lab, ANNA)
    assert path.read_text("utf-8") == old
    assert revoked_versions(lab) == {2}
    assert undone == 1


def test_example_of_the_naming_before_is_removed_and_revoked_as_a_whole(lab):
    """0.1.0 gave a corrected example a new name, which its proposal has without a version."""
    number = propose(lab, QUESTION)
    lab.approve_proposals(number)
    with open_with_key(lab.config) as database:
        is_this = PROPOSAL.id == number
        database.update(PROPOSAL, is_this, example_ids="q20", corrected="{}")
    withdraw(lab, ANNA)
    assert "q20" not in taught(lab)
    with open_with_key(lab.config) as database:
        assert [row.example_id for row in database.rows(REVOKED_EXAMPLE.select())] == [
            "q20"
        ]


def test_second_correction_of_one_answer_waits_and_is_shown_beside_the_first(lab):
    first = propose(lab, QUESTION)
    second = propose(lab, WORDING, user=BORIS, answer="Он белый.")
    assert lab.approve_proposals(first, second) == [first]
    assert {answers(lab)[each] for each in (QUESTION, WORDING, TEST_WORDING)} == {NEW}
    assert corrected(lab, second) == ["q21"]
    assert taught(lab)["q21"].answer == NEW
    lab.approve_proposals(second)
    assert (answers(lab)[QUESTION], answers(lab)[WORDING]) == (NEW, "Он белый.")


def test_corrections_of_one_answer_that_agree_are_accepted_together(lab):
    first = propose(lab, "Зонт какой по цвету?")
    second = propose(lab, "Чайник?", user=BORIS)
    assert lab.approve_proposals(first, second) == [first, second]
    assert {*answers(lab).values()} >= {NEW}
    assert OLD not in answers(lab).values()
    withdraw(lab, BORIS)
    assert "Чайник?" not in answers(lab)
    assert "Зонт какой по цвету?" in answers(lab)


def test_reworded_question_gives_its_answer_to_the_examples_that_ask_it(lab):
    number = propose(lab, "Зонт какой?", known="")
    lab.approve_proposals(number, written={number: (QUESTION.upper(), "Он белый.")})
    assert answers(lab)[QUESTION] == "Он белый."
    assert answers(lab)[WORDING] == OLD
    assert not [each for each in taught(lab) if each.startswith("from-chat/")]


def test_settled_answer_of_a_person_is_removed_with_their_consent(lab):
    lab.approve_proposals(propose(lab, "Чайник какого цвета?", answer=NEW, known=""))
    (path,) = (
        f"examples/{each}.yaml" for each in taught(lab) if each.startswith("from-chat/")
    )
    with reviewing(lab) as (ctx, editor, _):
        pair = (path, "examples/q20.yaml")
        contradictions.settle_contradiction(ctx, editor, "trial", *pair)
        with pytest.raises(Refused):
            contradictions.settle_contradiction(ctx, editor, "trial", *pair)
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
