"""Condensing a long text: in parts, in order, up to a number of parts, into the room available."""

import asyncio

import pytest

from merlin.chat.prompt import (
    AttachedText,
    Prompt,
    append_documents,
    document_texts,
    fits_into,
    shorten_text,
    text_outside_documents,
)

pytestmark = pytest.mark.unit

TEXT = "\n\n".join(f"{number} {'слово ' * 30}" for number in range(20))


class FirstWordModel:
    """Condenses each part to its first word; later parts finish sooner."""

    def __init__(self, condense=lambda part: part.split()[0]):
        self.condense = condense
        self.at_once = self.most_at_once = 0
        self.progress_calls = []

    async def condense_part(self, number, count, part):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(count - number):
            await asyncio.sleep(0)
        self.at_once -= 1
        return self.condense(part)

    def progress(self, done, count):
        self.progress_calls.append((done, count))

    def short(self, part_tokens, room_tokens, text=TEXT, **more):
        result = shorten_text(
            text, part_tokens, room_tokens, self.condense_part, self.progress, **more
        )
        return asyncio.run(result)


def test_parts_keep_their_order_and_run_concurrently():
    model = FirstWordModel()
    short = model.short(100, 100)
    assert (short.parts, short.read) == (20, 20)
    assert short.text.split() == [str(number) for number in range(20)]
    assert model.most_at_once == 3
    assert model.progress_calls == [(done, 20) for done in range(21)]


def test_number_of_parts_is_limited():
    short = FirstWordModel().short(100, 100, most_parts=4)
    assert (short.text.split(), short.parts, short.read) == (["0", "1", "2", "3"], 20, 4)


def test_too_long_summary_is_summarised_again():
    model = FirstWordModel(lambda part: part[: len(part) // 3])
    short = model.short(100, 150)
    assert fits_into(short.text, 150)
    assert short.text.startswith("0 слово")
    assert {count for _, count in model.progress_calls} == {20}


def test_summary_that_does_not_shrink_is_cut():
    short = FirstWordModel(lambda part: part).short(100, 50)
    assert fits_into(short.text, 50)
    assert short.text.startswith("0 слово")


def test_failed_part_ends_all_others():
    def condense(part):
        raise LookupError(part)

    model = FirstWordModel(condense)
    with pytest.raises(LookupError):
        model.short(100, 100)
    assert model.progress_calls == [(0, 20)]


def test_blank_text_is_already_short():
    assert FirstWordModel().short(10, 10, " ").text == ""


def test_documents_are_appended_to_the_question():
    prompt = Prompt(
        "О чём?", "document", documents=(AttachedText("a.txt", "раз"), AttachedText("b.txt", "два"))
    )
    text = append_documents(prompt)
    assert (text_outside_documents(text.text).strip(), document_texts(text.text)) == (
        "О чём?",
        ["раз", "два"],
    )
    assert text.documents == ()
    assert document_texts(append_documents(prompt, [AttachedText("a.txt", "коротко")]).text) == [
        "коротко"
    ]
    assert (
        text_outside_documents(
            append_documents(Prompt("", documents=(AttachedText("a", "b"),))).text
        )
        == ""
    )
