"""Wordings that people used, by answer, and those by rules: offered, taught and taken out."""

from dataclasses import replace
from functools import partial

import pytest

from merlin.account.users import Consents
from merlin.app import consent, reviews, wordings
from merlin.app.changes import editor_of, read_files
from merlin.app.unanswered import count
from merlin.app.wordings import FRAMES_SHOWN, MAX_SHOWN, PEOPLE
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import StoredAnswer
from merlin.chat.wordings import Labels
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Role
from merlin.dataset.changes import (
    BatchResult,
    ChangeRequest,
    Changes,
    Edit,
    make_changes,
)
from merlin.dataset.example_file import parse_example
from merlin.dataset.files import FileIndex
from merlin.dataset.proposal_follower import ProposalFollower
from merlin.dataset.proposals import Proposals
from merlin.dataset.spec import SplitRule
from merlin.db.notices import Notices
from merlin.db.tables import PROPOSAL, WORDING
from tests.db.pipeline_rows import FACE, make_example, make_examples, make_spec
from tests.support.dataset_tree import DATASET_YAML, FileTree
from tests.support.people import ANNA, BORIS, EDITOR, STUDENT, VERA, make_teacher
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration

PRICE = "Сколько стоит вход?", "Вход стоит 300 рублей."
PARKING = "Есть ли парковка?", "Парковка за углом."
ASKED = "Почем билет в музей?"
CROWD = (ANNA, BORIS, VERA)


def make_file(question, answer):
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\n"


@pytest.fixture
def ctx(ctx):
    """A context of a dataset with two taught answers, where three people gave the consent."""
    files = {"dataset.yaml": DATASET_YAML}
    for name, pair in (("цена", PRICE), ("парковка", PARKING)):
        files[f"examples/{name}.yaml"] = make_file(*pair)
    tree = FileTree(files)
    index = FileIndex(ctx.db)
    index.add({blob: data.decode() for blob, data in tree.blobs.items()})
    index.keep(FACE, "tree", {entry.path: entry.blob for entry in tree.entries})
    for user_id in CROWD:
        Consents(ctx.db, ctx.clock).give(user_id, "1")
    return ctx


@pytest.fixture
def press(ctx, store_question):
    """Return a function by which people ask, are offered both questions, and press one."""
    both = f"{PRICE[0]}\n{PARKING[0]}"

    def ask(text=ASKED, pressed=PRICE, *, people=CROWD, known=None):
        for user_id in people:
            place = ChatPlace(user_id, user_id)
            refusal = StoredAnswer("Не знаю.", known=False, nearest=both)
            first = store_question(text, refusal, place)
            labels = Labels(ctx.db, ctx.clock)
            if pressed is None:
                labels.put_none(first.turn_id, FACE, "ru")
                continue
            asked, answer = pressed
            again = store_question(
                known or asked, StoredAnswer(answer, known=True), place
            )
            labels.learn(again, FACE, answer, "ru")

    return ask


def read_used(ctx, actor=EDITOR):
    files = read_files(ctx, actor, FACE)
    return wordings.group_labels(ctx, files, *wordings.list_labels(ctx, actor, FACE))


def list_used(ctx):
    """Return question -> the wordings with their people, a star for those at the top."""
    return {
        each[0].example.question: [
            (one.text, one.people, one.is_proposed) for one in each
        ]
        for each in read_used(ctx).answers
    }


def promote(ctx, *ticked, is_used=True):
    act = partial(wordings.promote, ctx, EDITOR, FACE, [*ticked], is_used=is_used)
    return ctx.db.transact(act)


def accept(ctx, *ticked, is_used=True):
    """Accept wordings; return the change."""
    ids = promote(ctx, *ticked, is_used=is_used)
    return ctx.db.transact(partial(reviews.approve_several, ctx, EDITOR, ids))


def commit(ctx):
    """Commit what was accepted; return question -> answer, the mark and the source of the file."""
    changes = Changes(ctx.db, ctx.clock)
    batch = changes.claim()
    made = [parse_example(each.text) for each in batch.changes]
    changes.settle(batch, BatchResult("c" * 40))
    ProposalFollower(ctx.db, ctx.clock).follow()
    return {each.question: (each.answer, each.split, each.source) for each in made}


def test_wordings_are_grouped_by_answer_with_their_people(ctx, press):
    press()
    press("Где ставить машину?", PARKING, people=[ANNA])
    press("Цена входа какая?", people=[ANNA])
    assert list_used(ctx) == {
        PRICE[0]: [(ASKED, 3, True), ("Цена входа какая?", 1, False)],
        PARKING[0]: [("Где ставить машину?", 1, False)],
    }


def test_one_person_counts_once_and_the_commonest_writing_is_shown(ctx, press):
    press(ASKED.upper(), people=[ANNA])
    press(people=[ANNA, ANNA, BORIS])
    assert list_used(ctx) == {PRICE[0]: [(ASKED, 2, False)]}


@pytest.mark.parametrize(
    ("people", "role", "is_proposed"),
    [
        (CROWD[:PEOPLE], None, True),
        (CROWD[: PEOPLE - 1], None, False),
        ([ANNA], Role.EDITOR, True),
        ([ANNA], Role.TEACHER, True),
    ],
)
def test_three_people_or_one_editor_put_a_wording_at_the_top(
    ctx, press, people, role, is_proposed
):
    if role:
        scope = FACE if role is Role.TEACHER else None
        ctx.roles.grant(ANNA, role, "cli:test", scope)
    press(people=people)
    assert list_used(ctx) == {PRICE[0]: [(ASKED, len(people), is_proposed)]}
    assert wordings.count_proposed(ctx, FACE) == is_proposed


def test_teacher_of_another_course_is_no_editor_of_this_one(ctx, press):
    ctx.roles.grant(ANNA, Role.TEACHER, "cli:test", "python")
    press(people=[ANNA])
    assert wordings.count_proposed(ctx, FACE) == 0


def test_next_wording_that_was_answered_is_one_too(ctx, press):
    press(known="Цена билета?")
    assert list_used(ctx) == {PRICE[0]: [(ASKED, 3, True)]}
    assert wordings.count_proposed(ctx, FACE) == 1


def test_next_wording_of_an_editor_alone_does_not_stand_at_the_top(ctx, press):
    ctx.roles.grant(ANNA, Role.TEACHER, "cli:test", FACE)
    press(known="Цена билета?", people=[ANNA])
    assert list_used(ctx) == {PRICE[0]: [(ASKED, 1, False)]}
    press(people=[ANNA])
    assert list_used(ctx) == {PRICE[0]: [(ASKED, 1, True)]}


def test_wording_that_people_meant_for_two_answers_is_not_offered(ctx, press):
    press()
    press(pressed=PARKING, people=[BORIS])
    used = read_used(ctx)
    assert used.answers == []
    ((one, near),) = used.shared
    # The last press of a person counts among their turns, each of which has its own.
    assert (one.text, near) == (ASKED, "")
    assert dict(one.meant) == {PRICE[0]: 3, PARKING[0]: 1}
    assert wordings.count_proposed(ctx, FACE) == 0


@pytest.mark.parametrize(
    ("nobody", "is_offered"), [(0, True), (2, True), (3, False), (4, False)]
)
def test_wording_that_as_many_people_meant_otherwise_is_not_offered(
    ctx, press, nobody, is_offered
):
    press()
    others = range(5001, 5001 + nobody)
    for user_id in others:
        Consents(ctx.db, ctx.clock).give(user_id, "1")
    press(pressed=None, people=others)
    assert bool(read_used(ctx).answers) is is_offered
    assert [one.none for one, _ in read_used(ctx).shared] == (
        [] if is_offered else [nobody]
    )
    assert wordings.count_proposed(ctx, FACE) == is_offered


def test_answers_whose_wording_more_people_used_are_first(ctx, press):
    press("Где ставить машину?", PARKING, people=[ANNA])
    press()
    press("А машину куда девать?", PARKING, people=CROWD[:2])
    assert [*list_used(ctx)] == [PRICE[0], PARKING[0]]
    ctx.roles.grant(ANNA, Role.EDITOR, "cli:test")
    assert [*list_used(ctx)] == [PRICE[0], PARKING[0]]
    assert [text for text, *_ in list_used(ctx)[PARKING[0]]] == [
        "А машину куда девать?",
        "Где ставить машину?",
    ]


def test_person_who_meant_a_question_after_all_does_not_count_among_the_others(
    ctx, press
):
    press(pressed=None)
    press()
    ((one,),) = read_used(ctx).answers
    assert (one.people, one.none) == (3, 0)


def test_who_meant_none_puts_no_wording_at_the_top(ctx, press):
    press(people=CROWD[:2])
    press(pressed=None, people=[VERA])
    assert list_used(ctx) == {PRICE[0]: [(ASKED, 2, False)]}
    assert wordings.count_proposed(ctx, FACE) == 0


def test_wording_near_to_the_question_of_another_answer_is_not_offered(ctx, press):
    press("А есть ли у вас парковка?", PRICE)
    used = read_used(ctx)
    assert used.answers == []
    assert [near for _, near in used.shared] == [PARKING[0]]


def test_what_nobody_meant_to_be_taught_is_not_listed(ctx, press):
    press(pressed=None)
    press("Где касса?", ("Где вход?", "Тут."))
    press(PRICE[0], PARKING)
    used = read_used(ctx)
    assert (used.answers, used.shared) == ([], [])
    assert wordings.count_proposed(ctx, FACE) == 0


def test_ticked_wordings_are_one_commit_in_the_name_of_who_used_them(ctx, press):
    press()
    press("Где ставить машину?", PARKING, people=[ANNA])
    accept(ctx, (PRICE[0], ASKED), (PARKING[0], "Где ставить машину?"))
    assert list_used(ctx) == {}
    assert wordings.count_proposed(ctx, FACE) == 0
    assert commit(ctx) == {
        ASKED: (PRICE[1], "train", "chat"),
        "Где ставить машину?": (PARKING[1], "train", "chat"),
    }
    rows = Proposals(ctx.db)
    assert [len(rows.of_user(each)) for each in CROWD] == [2, 1, 1]
    assert len({row.example_ids for row in ctx.db.rows(PROPOSAL.select())}) == 2
    # Nobody wrote them to be told of them.
    assert Notices(ctx.db).list_newest(str(ANNA), 5) == []


def test_only_question_of_an_answer_stays_taught_beside_a_wording(world, ctx, press):
    spec = replace(make_spec(), split=SplitRule(test=1.0))
    world.push(1, make_examples(), spec=spec)
    press()
    accept(ctx, (PRICE[0], ASKED))
    assert commit(ctx) == {
        ASKED: (PRICE[1], "train", "chat"),
        PRICE[0]: (PRICE[1], "train", ""),
    }
    # It has no words of theirs.
    (ids,) = {row.example_ids for row in ctx.db.rows(PROPOSAL.select())}
    assert ids.startswith("from-chat/")


def test_wording_gets_the_answer_that_its_question_has_by_now(ctx, press):
    press()
    edit = make_file(PRICE[0], "Вход бесплатный.")
    tree = FileTree({"dataset.yaml": DATASET_YAML, "examples/цена.yaml": edit})
    index = FileIndex(ctx.db)
    index.add({blob: data.decode() for blob, data in tree.blobs.items()})
    index.keep(FACE, "new", {entry.path: entry.blob for entry in tree.entries})
    accept(ctx, (PRICE[0], ASKED))
    assert commit(ctx)[ASKED][0] == "Вход бесплатный."


def test_second_press_of_the_button_teaches_nothing(ctx, press):
    press()
    ids = promote(ctx, (PRICE[0], ASKED))
    for is_used in (True, False):
        assert (
            refusal_key(Refused, promote, ctx, (PRICE[0], ASKED), is_used=is_used)
            == "examples-decided"
        )
    assert len(Proposals(ctx.db).list_waiting()) == len(ids) == 3


@pytest.mark.parametrize(
    ("ticked", "key"),
    [
        ([], "wordings-none-ticked"),
        ([("Где вход?", ASKED)], "examples-decided"),
        ([(PRICE[0], PARKING[0])], "examples-decided"),
        ([(PRICE[0], "Кто знает?")], "examples-decided"),
    ],
)
def test_what_stands_no_more_is_refused(ctx, press, ticked, key):
    press()
    assert refusal_key(Refused, promote, ctx, *ticked) == key
    assert Proposals(ctx.db).list_waiting() == []


def test_question_that_an_example_asks_is_no_other_wording(ctx):
    ticked = (PRICE[0], PARKING[0])
    assert (
        refusal_key(Refused, promote, ctx, ticked, is_used=False) == "examples-decided"
    )


def test_withdrawn_consent_takes_the_wordings_out(ctx, press):
    press()
    press("Цена входа какая?", people=[ANNA])
    accept(ctx, (PRICE[0], ASKED))
    commit(ctx)
    consent.revoke_consent(ctx, STUDENT)
    assert ctx.db.count(WORDING, WORDING.user_id == ANNA) == 0
    # Its example is removed by a commit, as that of a correction is.
    ProposalFollower(ctx.db, ctx.clock).follow()
    states = {row.user_id: row.state for row in ctx.db.rows(PROPOSAL.select())}
    assert states == {ANNA: "withdrawn", BORIS: "committed", VERA: "committed"}


def test_who_withdrew_meanwhile_is_no_author(ctx, press):
    press()
    Consents(ctx.db, ctx.clock).revoke(BORIS)
    promote(ctx, (PRICE[0], ASKED))
    authors = {each.user_id for each in Proposals(ctx.db).list_waiting()}
    assert authors == {ANNA, VERA}


def test_dropped_wording_comes_again_when_it_is_asked_again(ctx, press):
    press()
    press("Цена входа какая?", people=[ANNA])
    wordings.decline(ctx, EDITOR, FACE, [ASKED.upper()])
    assert list_used(ctx) == {PRICE[0]: [("Цена входа какая?", 1, False)]}
    press(people=[ANNA])
    assert (ASKED, 1, False) in list_used(ctx)[PRICE[0]]


def test_only_editors_of_the_dataset_may_see_and_decide(ctx, press):
    press()
    other = make_teacher("python")
    for act in (
        wordings.list_labels,
        wordings.propose_frames,
        partial(wordings.decline, texts=[ASKED]),
        partial(wordings.promote, ticked=[(PRICE[0], ASKED)], is_used=True),
    ):
        with pytest.raises(NotFound):
            act(ctx, other, FACE)
    assert len(Labels(ctx.db).list_newest(FACE)) == 3


def test_what_waits_is_counted_again_after_a_minute(ctx, press):
    press()
    assert count(ctx, [FACE], [])[FACE] == {"unanswered": 0, "wordings": 1, "single": 0}
    wordings.decline(ctx, EDITOR, FACE, [ASKED])
    assert count(ctx, [FACE], [])[FACE]["wordings"] == 1
    ctx.clock.move(60)
    assert count(ctx, [FACE], [])[FACE]["wordings"] == 0


@pytest.fixture
def built(world, ctx):
    """Return a dataset whose newest build has twelve answers of one wording each."""
    world.push(1, make_examples())
    return world


def list_single(ctx):
    return [each.question for each in wordings.list_single(ctx, FACE)]


def test_answers_that_one_taught_wording_finds_are_listed(built, ctx):
    # The first is of the test part, so no taught wording finds its answer.
    taught = [f"Что значит черта {number}?" for number in range(1, 12)]
    assert list_single(ctx) == taught
    more = replace(make_example(20), messages=make_example(1).messages)
    built.push(2, (*make_examples(), more))
    assert list_single(ctx) == taught[1:]
    inside = make_example(2).messages
    longer = replace(make_example(2), blob="f" * 40, messages=(*inside, *inside))
    others = [make_example(number) for number in range(3, 12)]
    built.push(3, (longer, *others))
    assert list_single(ctx) == taught[2:]


def test_ticked_frame_is_taught_and_its_answer_is_no_longer_listed(world, ctx):
    asked, said = make_example(1).messages
    priced = replace(asked, content="Сколько стоит черта 1?")
    first, other, *rest = make_examples()
    other = replace(other, blob="d" * 40, messages=(priced, said))
    world.push(1, (first, other, *rest))
    shown, total = wordings.propose_frames(ctx, EDITOR, FACE)
    assert (len(shown), total) == (11, 11)
    first = shown[0]
    assert 0 < len(first.frames) <= FRAMES_SHOWN
    tree = FileTree(
        {
            "dataset.yaml": DATASET_YAML,
            "examples/a.yaml": make_file(first.question, first.answer),
        }
    )
    index = FileIndex(ctx.db)
    index.add({blob: data.decode() for blob, data in tree.blobs.items()})
    index.keep(FACE, "new", {entry.path: entry.blob for entry in tree.entries})
    ids = promote(ctx, (first.question, first.frames[0]), is_used=False)
    shown, total = wordings.propose_frames(ctx, EDITOR, FACE)
    assert first.frames[0] not in shown[0].frames
    ctx.db.transact(partial(reviews.approve_several, ctx, EDITOR, ids))
    assert first.question not in list_single(ctx)
    assert commit(ctx) == {first.frames[0]: (first.answer, "train", "frames")}


def test_long_list_is_shown_in_part(built, ctx):
    built.push(2, make_examples(MAX_SHOWN + 3))
    shown, total = wordings.propose_frames(ctx, EDITOR, FACE)
    assert (len(shown), total) == (MAX_SHOWN, MAX_SHOWN + 2)


def save(ctx, path, text):
    """Request an edit of a file."""
    request = ChangeRequest(editor_of(ctx, EDITOR), str(BORIS), ctx.clock())
    changes = make_changes(FACE, [Edit(path, None, text)], request)
    ctx.db.transact(partial(Changes(ctx.db, ctx.clock).put, changes))


@pytest.mark.parametrize(
    ("path", "text", "added"),
    [
        ("examples/new.yaml", make_file("Где вход?", "Слева."), ["Где вход?"]),
        ("examples/new.yaml", make_file(*PRICE) + "split: test\n", []),
        ("examples/new.yaml", "messages: [", []),
        ("materials/new.md", "Вход слева.", []),
    ],
)
def test_new_example_is_asked_for_other_wordings_before_its_commit(
    built, ctx, path, text, added
):
    before = list_single(ctx)
    save(ctx, path, text)
    assert list_single(ctx) == [*added, *before]


def test_edited_example_counts_as_it_will_be(built, ctx):
    first, second, *_ = wordings.list_single(ctx, FACE)
    assert first.question == make_example(1).question
    others = list_single(ctx)[2:]
    text = make_file(f'"{first.question}"', f'"{second.answer}"')
    save(ctx, make_example(1).path, text)
    assert list_single(ctx) == others
