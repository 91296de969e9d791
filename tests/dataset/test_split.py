"""The split: stable under growth, equal questions on one side, at least ten in training."""

import pytest
from hypothesis import given, settings, strategies as st

from merlin.core.messages import Message
from merlin.dataset.example import Example
from merlin.dataset.spec import SplitRule
from merlin.dataset.split import TEST, TRAIN, split, split_bucket

pytestmark = pytest.mark.unit


def make_example(name, question=None, mark=None):
    messages = (
        Message("user", question or f"Вопрос {name}"),
        Message("assistant", f"Ответ {name}"),
    )
    return Example(str(name), f"examples/{name}.yaml", "", messages, split=mark)


def make_examples(number, mark=None, first=0):
    return [make_example(place, mark=mark) for place in range(first, first + number)]


def test_configured_share_of_unmarked_examples_becomes_test():
    sides = list(split(make_examples(5_000), SplitRule(test=0.2)).values())
    assert 0.18 < sides.count(TEST) / 5_000 < 0.22


def test_bucket_is_the_documented_hash():
    # echo -n "v1:что такое лоб" | sha256sum begins with these 16 digits.
    assert split_bucket("что такое лоб", "v1") == int("12e43cd2cff61644", 16) / 2**64


@pytest.mark.parametrize(("old", "new"), [(50, 55), (500, 550), (2_000, 2_200)])
def test_growth_never_moves_an_old_example(old, new):
    before = split(make_examples(old), SplitRule())
    after = split(make_examples(new), SplitRule())
    assert [name for name in before if before[name] != after[name]] == []


def test_another_salt_gives_another_split():
    many = make_examples(200)
    assert split(many, SplitRule(salt="v1")) != split(many, SplitRule(salt="v2"))


def test_marks_override_the_hash():
    marked = [
        *make_examples(40),
        *make_examples(40, TEST, 40),
        *make_examples(40, TRAIN, 80),
    ]
    sides = split(marked, SplitRule(test=0.5))
    assert {sides[str(n)] for n in range(40, 80)} == {TEST}
    assert {sides[str(n)] for n in range(80, 120)} == {TRAIN}


def test_duplicates_of_a_question_are_on_one_side():
    twins = [
        make_example(f"{n}-{form}", q)
        for n in range(99)
        for form, q in enumerate((f"Ёж {n}?", f"еж  {n}"))
    ]
    sides = split(twins, SplitRule(test=0.5))
    assert all(sides[f"{n}-0"] == sides[f"{n}-1"] for n in range(99))
    assert set(sides.values()) == {TRAIN, TEST}


def test_question_marked_as_train_is_in_training_everywhere():
    sides = split(
        [
            make_example(f"{n}-{mark}", f"Вопрос {n}", mark)
            for n in range(40)
            for mark in (TRAIN, None)
        ],
        SplitRule(test=0.9),
    )
    assert set(sides.values()) == {TRAIN}


def test_examples_moved_back_to_training_equal_a_smaller_share():
    examples = make_examples(14)
    rule = SplitRule(test=0.9)
    places = {
        example.id: split_bucket(example.normal_question, rule.salt)
        for example in examples
    }
    dealt = split(examples, rule)
    tested = [place for name, place in places.items() if dealt[name] == TEST]
    taught = [place for name, place in places.items() if dealt[name] == TRAIN]
    assert len(tested) == 4
    assert max(tested) < min(taught)
    smaller = SplitRule(test=(max(tested) + min(taught)) / 2)
    assert split(examples, smaller) == dealt


def test_marked_tests_are_moved_back_last():
    examples = [*make_examples(5), *make_examples(20, TEST, 5)]
    sides = split(examples, SplitRule(test=0))
    assert list(sides.values()).count(TRAIN) == 10
    mixed = [*make_examples(11), *make_examples(5, TEST, 11)]
    mixed_sides = split(mixed, SplitRule(test=0.9))
    assert all(mixed_sides[str(n)] == TEST for n in range(11, 16))


def test_recall_is_taught_every_answer_of_a_faq():
    examples = make_examples(65)
    assert TEST in split(examples, SplitRule()).values()
    assert {*split(examples, SplitRule(), is_recall=True).values()} == {TRAIN}


def test_recall_is_tested_by_a_wording_whose_answer_another_one_teaches():
    examples = [
        Example(
            f"{n}-{form}",
            "",
            "",
            (Message("user", f"{form} {n}"), Message("assistant", f"A{n}")),
        )
        for n in range(60)
        for form in ("Где", "Как найти")
    ]
    sides = split(examples, SplitRule(), is_recall=True)
    assert 10 < list(sides.values()).count(TEST) < 40
    for n in range(60):
        assert TRAIN in (sides[f"{n}-Где"], sides[f"{n}-Как найти"]), (
            "the answer is taught"
        )


def test_marked_test_of_an_untaught_answer_stays_one():
    examples = [*make_examples(20), *make_examples(5, TEST, 20)]
    sides = split(examples, SplitRule(), is_recall=True)
    assert [sides[str(n)] for n in range(25)] == [TRAIN] * 20 + [TEST] * 5


@settings(max_examples=60, deadline=None)
@given(
    number=st.integers(10, 60),
    share=st.floats(0, 0.9),
    marks=st.lists(st.sampled_from([None, TRAIN, TEST]), min_size=60, max_size=60),
    more=st.integers(0, 20),
)
def test_every_split_keeps_all_examples_and_ten_in_training(number, share, marks, more):
    examples = [make_example(n, mark=marks[n]) for n in range(number)]
    sides = split(examples, SplitRule(test=share))
    dealt = list(sides.values())
    assert len(dealt) == number
    assert dealt.count(TRAIN) >= 10
    if dealt.count(TRAIN) > 10:  # no example was moved back
        grown = [*examples, *make_examples(more, TRAIN, 100)]
        after = split(grown, SplitRule(test=share))
        assert all(after[name] == side for name, side in sides.items())
