"""The files of an import are read in a child: the same records, within its limits."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from merlin.core.errors import Refused
from merlin.dataset.changes import MAX_BATCH_SIZE
from merlin.dataset.import_fields import NO_CHOICES, FieldChoices
from merlin.dataset.import_lines import (
    MAX_IMPORT_BYTES,
    MAX_RECORDS,
    read_import_files,
)
from merlin.dataset.import_reading import (
    pack_files,
    read_apart,
    read_files,
    unpack_files,
)
from merlin.providers.documents import ChildReader
from tests.providers.document_reading import list_children
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

INPUTS = Path(__file__).parents[1] / "inputs" / "files"
GOOD = b'{"question": "a?", "answer": "b"}\n'
PAIR = (GOOD, "good.jsonl")


def read(*files, choices=NO_CHOICES, wall_s=None):
    """Return the records that a child gives, in more time on a slow machine."""
    reader = ChildReader(wall_s=wall_s or longest(30))
    return asyncio.run(read_apart(files, choices, reader))


def test_child_gives_the_same_records_as_the_readers():
    paths = sorted(path for path in INPUTS.iterdir() if path.is_file())
    files = [(path.read_bytes(), path.name) for path in paths]
    # Half a character; what people write in a name; fields with values of several records.
    files += [
        (b'{"question": "a", "answer": "b", "x\\ud800": "\\ud800"}', "\u202e.json"),
        (b'{"version": {"name": "x"}, "items": [%s]}' % GOOD, "deep.json"),
        *[(b"\n" * 5 + GOOD * 2, "a\nb.jsonl"), (b"", "empty.csv")],
    ]
    expected = [*read_import_files(unpack_files(pack_files(files)))]
    assert repr(read(*files)) == repr(expected).replace("\\ud800", "?")
    assert len(expected) > len(files)


def test_choices_are_known_to_the_child():
    content = "Кто,Что,Проверено\nГде?,Тут.,да\nКогда?,Завтра.,нет\n".encode()
    choices = FieldChoices({"question": "Кто", "answer": "Что"}, {"Проверено": ("да",)})
    lines = read((content, "a.csv"), choices=choices)
    assert [line.example.question for line in lines] == ["Где?", "Когда?"]
    assert [line.fields for line in lines] == [
        (("Проверено", "да"),),
        (("Проверено", "нет"),),
    ]


def reasons(lines):
    return [
        (line.file, finding.rule, finding.arguments["reason"])
        for line in lines
        for finding in line.findings
    ]


def test_slow_file_is_named_and_leaves_no_child():
    before = list_children()
    lines = read(PAIR, (GOOD, "b.jsonl"), wall_s=0.001)
    assert reasons(lines) == [
        ("good.jsonl", "import-unreadable", "slow"),
        ("b.jsonl", "import-unreadable", "slow"),
    ]
    finding = lines[0].findings[0]
    assert "took too long" in finding.text("en")
    assert "слишком много времени" in finding.text("ru")
    assert (finding.path, list_children() <= before) == ("good.jsonl", True)


def test_file_that_needs_too_much_memory_is_named():
    content = b'{"a": [' + b"[]," * 9_000_000 + b"[]]}"
    lines = read((content, "a.json"))
    assert reasons(lines) == [("a.json", "import-unreadable", "bomb")]
    assert "too much memory" in lines[0].findings[0].text("en")


def test_answer_of_a_long_list_of_questions_is_not_repeated_without_end():
    record = {"question": [f"{at}?" for at in range(400)], "answer": "b" * 90_000}
    lines = read((json.dumps(record).encode(), "a.json"))
    assert reasons(lines) == [("a.json", "import-unreadable", "too-long")]


def test_more_records_than_a_commit_takes_are_refused_and_others_are_not_counted():
    assert MAX_RECORDS == MAX_BATCH_SIZE
    rows = [f"{at}?,b,{at % 2}\n" for at in range(2 * MAX_RECORDS)]
    content = ("question,answer,state\n" + "".join(rows)).encode()
    only = FieldChoices(only={"state": ("1",)})
    assert sum(
        only.takes(line.fields) for line in read((content, "a"), choices=only)
    ) == (MAX_RECORDS)
    more = [(content, "a"), (b"question,answer,state\nx,y,1\n", "b")]
    for choices, files in ((only, more), (NO_CHOICES, more[:1])):
        with pytest.raises(Refused) as caught:
            read(*files, choices=choices)
        assert caught.value.key == "import-too-much"
        assert caught.value.arguments["limit"] == MAX_RECORDS


def test_who_goes_away_ends_the_child():
    async def go_away():
        before = list_children()
        content = b"Q: a\n" + b"A: b\n" * 700_000
        reading = asyncio.create_task(
            read_apart([(content, "a.md")], NO_CHOICES, ChildReader())
        )
        wait = asyncio.to_thread(wait_until, lambda: list_children() - before)
        await wait
        reading.cancel()
        await asyncio.wait([reading])
        return reading.cancelled(), list_children() <= before

    assert asyncio.run(go_away()) == (True, True)


def test_command_reads_files_that_are_too_large_together_in_several_children():
    large = GOOD.ljust(MAX_IMPORT_BYTES)
    lines = [*read_files([PAIR, (large, "large.jsonl"), (large + b" ", "over.jsonl")])]
    found = [(line.file, [each.rule for each in line.findings]) for line in lines]
    assert found == [
        ("good.jsonl", []),
        ("large.jsonl", []),
        ("over.jsonl", ["too-large"]),
    ]
    assert [*read_files([])] == []


EXAMPLE = {"id": "", "path": "", "blob": "", "messages": []}
ASKED = EXAMPLE | {"messages": [{"role": "user", "content": "a"}]}


def answer_of(example, *places, pairs=((),), line=1):
    record = [{"line": line, "example": example}, places]
    text = "\n".join([json.dumps([*filter(None, pairs)]), json.dumps(record)])
    return json.dumps({"text": text, "is_cut": False})


@pytest.mark.parametrize(
    ("answer", "is_read"),
    [
        (answer_of(ASKED, 0, pairs=[("a", "b")]), True),
        (answer_of(ASKED, 1, pairs=[("a", "b")]), False),
        (answer_of(ASKED, -1, pairs=[("a", "b")]), False),
        (answer_of(EXAMPLE), False),
        (answer_of(ASKED, line="x"), False),
        (answer_of(ASKED, pairs=[("a",)]), False),
        ('{"text": "", "is_cut": false}', False),
        ("[" * 5000, False),
    ],
)
def test_records_of_a_child_are_read_as_a_strangers(
    tmp_path, monkeypatch, answer, is_read
):
    (tmp_path / "answer").write_text(answer)
    program = tmp_path / "child"
    program.write_text(f"#!/bin/sh\ncat > /dev/null; cat {tmp_path / 'answer'}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    lines = read(PAIR)
    if is_read:
        assert [line.fields for line in lines] == [(("a", "b"),)]
    else:
        assert reasons(lines) == [("good.jsonl", "import-unreadable", "damaged")]


@pytest.mark.parametrize("packed", [b"", b"[]", b'[["a", 2]]\nb', b'[["a", -1]]\nb'])
def test_files_that_are_not_whole_are_no_files(packed):
    if packed == b"[]":
        assert unpack_files(packed) == []
        return
    with pytest.raises(ValueError, match=r"not whole|valid"):
        unpack_files(packed)
