"""Drafts: the file has exactly what the editor wrote; drafts survive restarts."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from yaml import safe_dump

from merlin.app.examples import view_of
from merlin.app.inbox import Update
from merlin.bot.handlers.example_draft import author, reword_draft
from merlin.bot.handlers.example_proof import Draft, draft_of, draft_of_example, merge_turns
from merlin.bot.menu import CodeBlock, card, cut
from merlin.bot.updates import is_continuation, may_continue
from merlin.core.errors import Refused
from merlin.core.formatted_text import utf16_length
from merlin.dataset.changes import Edit, check_path
from merlin.dataset.example import free_example_id, parse_example
from merlin.dataset.files import FileText
from merlin.dataset.finding import Severity
from merlin.dataset.preview import EditChecker
from merlin.dataset.yaml_io import strip_line_ends
from tests.support.naughty_strings import STRINGS
from tests.support.pipeline_lab import DATASET

pytestmark = pytest.mark.unit

SHELF = [FileText("trial", "dataset.yaml", "d", safe_dump(DATASET, allow_unicode=True))]


def make_draft(question, answer, *tags):
    return Draft("trial", turns=(("user", question), ("assistant", answer)), tags=tags)


@pytest.mark.parametrize("answer", [*STRINGS, "\0", "\ud83d", "no", "12:30", "- [", "ы" * 100_000])
def test_odd_words_are_in_the_file_as_they_are_or_stand_as_an_error(answer):
    text = make_draft(answer, f"{answer} {answer}").file_text()
    preview = EditChecker().preview("trial", SHELF, {"examples/new.yaml": text})
    example = parse_example(text)
    if example is None:
        assert not preview.is_good
    else:
        assert (example.question, example.answer) == (
            strip_line_ends(answer),
            strip_line_ends(f"{answer} {answer}"),
        )


def test_an_example_without_a_pair_is_told_so_where_its_dataset_needs_one():
    recipe = {**DATASET["recipe"], "method": "dpo"}
    spec = safe_dump({**DATASET, "recipe": recipe}, allow_unicode=True)
    shelf = [FileText("trial", "dataset.yaml", "d", spec)]
    draft_ = make_draft("Раз?", "Один.")
    (finding,) = (
        EditChecker().preview("trial", shelf, {"examples/new.yaml": draft_.file_text()}).findings
    )
    assert (finding.rule, finding.severity) == ("no-rejected", Severity.ERROR)
    for language, part in (("en", "write the worse answer"), ("ru", "допишите под ним худший")):
        assert part in finding.text(language)
    with_rejected = f"{draft_.file_text()}rejected: Два.\n"
    assert EditChecker().preview("trial", shelf, {"examples/new.yaml": with_rejected}).is_good


@pytest.mark.parametrize("question", [*STRINGS, "../../x", "a/b", "CON", ".git", "\0", "ы" * 9000])
def test_no_question_leads_out_of_the_folder_of_examples(question):
    question_draft = Draft("trial", turns=(("user", question), ("assistant", "Да.")))
    path = f"examples/{free_example_id(question_draft.file_text(), ['new', 'con'])}.yaml"
    assert check_path(f"trial/{path}")
    assert Edit(path, None, "x").kind == "add"
    assert path.count("/") == 1


@pytest.mark.parametrize(
    "original",
    [
        Draft("trial"),
        make_draft("Раз?", "Один.", "no"),
        draft_of_example(view_of(FileText("trial", "examples/a/b.yaml", "b1", None)), is_gone=True),
        Draft("trial", "examples/a.yaml", "b1", "x: y\n", answer="Два.", tags=(), change="c"),
    ],
)
def test_a_draft_is_the_same_after_a_restart(original):
    assert draft_of(json.loads(json.dumps(asdict(original)))) == original


def test_nothing_is_no_draft():
    assert draft_of(None) is None
    assert draft_of({"words": "x"}) is None


def test_the_first_question_and_the_last_answer_are_reworded():
    original = Draft(
        "t", turns=(("user", "а"), ("assistant", "б"), ("user", "в"), ("assistant", "г"))
    )
    turns = reword_draft(reword_draft(original, "q", "А"), "a", "Г").turns
    assert [text for _, text in turns] == ["А", "б", "в", "Г"]
    broken = Draft("t", "examples/a.yaml", "b", "messages: [")
    assert broken.file_text() == "messages: ["
    with pytest.raises(Refused):
        reword_draft(broken, "a", "Г").file_text()
    assert reword_draft(reword_draft(broken, "a", "Г"), "y", "x").file_text() == "x\n"


def test_what_one_side_says_in_a_row_is_one_turn():
    assert merge_turns([("user", "а"), ("user", "б"), ("assistant", "в")]) == (
        ("user", "а\n\nб"),
        ("assistant", "в"),
    )


def test_tags_are_divided_by_anything_that_divides():
    draft = Draft("t")
    assert reword_draft(draft, "t", " #a, b;c\nd  a,, ").tags == ("a", "b", "c", "d")
    assert reword_draft(draft, "t", " ,;\n# ").tags == ()


def test_a_sheet_marks_files_where_they_stand_and_passes_what_telegram_takes():
    parts = ("слово", CodeBlock("a: \ud83d\0\n"), "", CodeBlock("  ", "diff"), "конец")
    page = card(None, "😀 Т", *parts).page
    assert page.text == "😀 Т\n\nслово\n\na: ?�\n\nконец"
    bold, pre = page.marks
    assert (bold.kind, bold.length, pre.kind, pre.value) == ("bold", 4, "pre", "yaml")
    assert pre.offset == utf16_length("😀 Т\n\nслово\n\n")
    assert cut("слово", 4) == "сло…"


def forwarded(number, text="слово", date=100, **origin):
    message = {"text": text, "date": date, "forward_origin": origin}
    return Update(number, "message", 1, 1, body={"message": message})


def test_what_is_forwarded_at_once_belongs_together():
    first = forwarded(1)
    not_forwarded = Update(2, "message", 1, 1, body={"message": {"text": "слово", "date": 100}})
    assert may_continue(first)
    assert is_continuation(forwarded(2, "/new"), first)
    assert not is_continuation(forwarded(2, date=160), first)
    assert not is_continuation(forwarded(2, ""), first)
    assert not is_continuation(not_forwarded, first)
    assert not is_continuation(first, not_forwarded)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({"sender_user": {"id": 7, "is_bot": True}}, ("user 7", True)),
        ({"sender_user": {"id": 8}}, ("user 8", False)),
        ({"sender_user_name": "Кто-то"}, ("name Кто-то", False)),
        ({"chat": {"id": -5}}, ("chat -5", False)),
        ({"sender_chat": {"id": -6}}, ("chat -6", False)),
        ({}, ("name ", False)),
    ],
)
def test_the_author_of_a_forwarded_message_is_known_as_far_as_telegram_says(origin, expected):
    assert author(forwarded(1, **origin)) == expected
