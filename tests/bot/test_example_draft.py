"""Drafts: the file has exactly what the editor wrote; drafts survive restarts."""

import pytest
from yaml import safe_dump

from merlin.bot.handlers.example_draft import reword_draft
from merlin.bot.handlers.example_proof import EditedFile
from merlin.bot.menu import card, code_block
from merlin.core.formatted_text import utf16_length
from merlin.core.i18n import cut
from merlin.dataset.changes import Edit, check_path
from merlin.dataset.entries import FileText
from merlin.dataset.example_file import parse_example
from merlin.dataset.example_rewording import free_example_id
from merlin.dataset.preview import EditChecker
from merlin.dataset.yaml_io import strip_line_ends
from tests.support.naughty_strings import STRINGS
from tests.support.pipeline_lab import DATASET

pytestmark = pytest.mark.unit

SHELF = [FileText("trial", "dataset.yaml", "d", safe_dump(DATASET, allow_unicode=True))]


def make_draft(question, answer, *tags):
    return EditedFile("trial", question=question, answer=answer, tags=tags)


def test_unusual_text_is_kept_exactly_or_reported_as_an_error():
    for answer in [*STRINGS, "\0", "\ud83d", "no", "12:30", "- [", "ы" * 100_000]:
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


def test_example_id_never_leads_out_of_the_examples_folder():
    for question in [*STRINGS, "../../x", "a/b", "CON", ".git", "\0", "ы" * 9000]:
        question_draft = make_draft(question, "Да.")
        path = f"examples/{free_example_id(question_draft.file_text(), ['new', 'con'])}.yaml"
        assert check_path(f"trial/{path}")
        assert Edit(path, None, "x").kind == "add"
        assert path.count("/") == 1


def test_tags_are_split_by_any_separator():
    draft = EditedFile("t")
    assert reword_draft(draft, "t", " #a, b;c#\nd  e,a,, ").tags == (
        "a",
        "b",
        "c#",
        "d e",
    )
    assert reword_draft(draft, "t", "#a  b #a").tags == ("a", "b")
    assert reword_draft(draft, "t", " ,;\n# ").tags == ()


def test_card_escapes_code_blocks_and_removes_invalid_characters():
    page = card(
        None,
        "😀 Т",
        "слово",
        code_block("a: \ud83d\0\n"),
        "",
        code_block("  ", "diff"),
        "конец",
    ).page
    assert page.text == "😀 Т\n\nслово\n\na: ?�\n\nконец"
    bold, pre = page.marks
    assert (bold.kind, bold.length, pre.kind, pre.value) == ("bold", 4, "pre", "yaml")
    assert pre.offset == utf16_length("😀 Т\n\nслово\n\n")
    assert cut("слово", 4) == "сло…"
