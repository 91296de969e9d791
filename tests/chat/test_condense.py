"""Condensing a long text: in parts, in order, up to a number of parts, into the room available."""

from __future__ import annotations

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


def test_the_parts_stand_in_their_order_and_a_few_are_told_at_once():
    model = FirstWordModel()
    short = model.short(100, 100)
    assert (short.parts, short.read) == (20, 20)
    assert short.text.split() == [str(number) for number in range(20)]
    assert model.most_at_once == 3
    assert model.progress_calls == [(done, 20) for done in range(21)]


def test_no_more_than_so_many_parts_are_read():
    short = FirstWordModel().short(100, 100, most_parts=4)
    assert (short.text.split(), short.parts, short.read) == (["0", "1", "2", "3"], 20, 4)


def test_what_is_short_but_too_long_is_told_again():
    model = FirstWordModel(lambda part: part[: len(part) // 3])
    short = model.short(100, 150)
    assert fits_into(short.text, 150)
    assert short.text.startswith("0 слово")
    assert {count for _, count in model.progress_calls} == {20}


def test_what_nobody_makes_shorter_is_cut():
    short = FirstWordModel(lambda part: part).short(100, 50)
    assert fits_into(short.text, 50)
    assert short.text.startswith("0 слово")


def test_a_part_that_fails_ends_all_others():
    def condense(part):
        raise LookupError(part)

    model = FirstWordModel(condense)
    with pytest.raises(LookupError):
        model.short(100, 100)
    assert model.progress_calls == [(0, 20)]


def test_no_text_is_short_already():
    assert FirstWordModel().short(10, 10, " ").text == ""


def test_papers_are_folded_into_the_text_behind_the_words():
    prompt = Prompt(
        "О чём?", "document", papers=(AttachedText("a.txt", "раз"), AttachedText("b.txt", "два"))
    )
    text = append_documents(prompt)
    assert (text_outside_documents(text.text).strip(), document_texts(text.text)) == (
        "О чём?",
        ["раз", "два"],
    )
    assert text.papers == ()
    assert document_texts(append_documents(prompt, [AttachedText("a.txt", "коротко")]).text) == [
        "коротко"
    ]
    assert (
        text_outside_documents(append_documents(Prompt("", papers=(AttachedText("a", "b"),))).text)
        == ""
    )
