"""Files that were built to be slow: what each reader of an import could take the square of.

A row is a reader, by its name in `import_forms` or `import_trees`, with what makes files for it, of
as many bytes as it is told.
"""

import json
from collections.abc import Callable
from io import BytesIO
from typing import get_args
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook

from merlin.dataset.import_forms import Reader
from merlin.dataset.import_trees import JSON_FORMS

SlowFile = tuple[bytes, str]
Maker = Callable[[int], SlowFile]


def list_readers() -> set[str]:
    """Return the names of all readers: of forms of files, and of forms of JSON."""
    return {*filter(None, get_args(Reader)), *(form.name for form in JSON_FORMS)}


def _text(name: str, head: str, mark: str, tail: str = "") -> Maker:
    return lambda size: (f"{head}{mark * (size // len(mark))}{tail}".encode(), name)


def _tree(make: Callable[[int], object], item_bytes: int) -> Maker:
    return lambda size: (json.dumps(make(size // item_bytes)).encode(), "a.json")


def _numbered(count: int, **values: object) -> list[dict[str, object]]:
    return [{"id": number, **values} for number in range(1, count)]


def _chat(count: int) -> object:
    said = [
        {"id": at, "from": f"p{at}", "text": "a?", "reply_to_message_id": 1}
        for at in range(2, count)
    ]
    asked = {"from": "x", "text": "long? " * count, "date": ""}
    return {"messages": [{"id": 0, **asked}, {"id": 1, **asked}, *said]}


def _nodes(count: int) -> dict[str, object]:
    return {
        str(at): {
            "parent": str(at - 1),
            "message": {
                "author": {"role": ("user", "assistant")[at % 2]},
                "content": {"parts": ["a"]},
            },
        }
        for at in range(count)
    }


def _librechat(count: int) -> object:
    rows = [
        {"messageId": str(at), "parentMessageId": str(at - 1), "text": "a"}
        for at in range(count)
    ]
    return {
        "messages": [
            {**each, "isCreatedByUser": at % 2 == 0} for at, each in enumerate(rows)
        ]
    }


def _agent(size: int) -> SlowFile:
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr("agent.json", "{}")
        for at in range(size // 300):
            intent = {"responses": [{"messages": [{"speech": "b"}]}]}
            archive.writestr(f"intents/i{at}.json", json.dumps(intent))
            phrases = [{"data": [{"text": "a"}]}]
            archive.writestr(f"intents/i{at}_usersays_en.json", json.dumps(phrases))
    return packed.getvalue(), "agent.zip"


def _workbook(size: int) -> SlowFile:
    book = Workbook()
    book.active.append(["question", "answer", *(f"column {at}" for at in range(48))])
    for at in range(size // 500):
        book.active.append([f"a{at}?", "b", *["c"] * 48])
    packed = BytesIO()
    book.save(packed)
    return packed.getvalue(), "a.xlsx"


def _quiz(size: int) -> SlowFile:
    asked = (
        "<question type='essay'><questiontext><text>&lt;a &lt;b</text></questiontext>"
    )
    answer = "<answer fraction='100'><text>&lt;ol</text></answer>"
    body = (
        f"{asked}{answer * (size // 100)}</question>"
        + f"{asked}{answer}</question>" * (size // 200)
    )
    return f"<quiz>{body}</quiz>".encode(), "quiz.xml"


def _rasa(size: int) -> SlowFile:
    count = size // 1000  # more is refused unread
    intents = "".join(
        f"- intent: i{at}\n  examples: '- [a [b](c'\n" for at in range(count)
    )
    said = "".join(f"- utter_i{at}:\n  - text: b\n" for at in range(count))
    return f"nlu:\n{intents}responses:\n{said}".encode(), "nlu.yml"


def _wide(size: int) -> SlowFile:
    """Return a map of many records and many fields, each of which is said of all records."""
    half = size // 10
    around = {f"field{at}": str(at) for at in range(half)}
    records = [{"question": f"a{at}?", "answer": "b"} for at in range(half)]
    return json.dumps({**around, "items": records}).encode(), "a.json"


_NLU = "nlu:\n- intent: a\n  examples: '"
FILES: dict[str, tuple[Maker, ...]] = {
    "json": (
        _wide,
        _text("a.jsonl", "", '{"a":\n'),
        _text("a.jsonl", "", '{"messages": []}\n{"question": "a", "answer": "b"}\n'),
        _text("a.json", "[", "[\n"),
        _text("a.json", '{"question": "', "\\ud800"),
        _tree(
            lambda count: {
                "input": "a",
                "output": {"output": "b", "c": [*range(count)]},
            },
            10,
        ),
    ),
    "table": (
        _text("a.csv", "question,answer\n", "a?,b\n"),
        _text("a.csv", "question,answer" + ",c" * 500 + "\n", "a?" + "," * 500 + "x\n"),
        _text("a.csv", "", '"'),
        _text("a.csv", "", "\xa0\n"),
        _text("a.csv", "sep=", " "),
    ),
    "workbook": (_workbook,),
    "document": (
        lambda size: _text("a.md", "Q: a\n", "b\n")(8 * size),
        _text("a.md", "Q: a\n", "A: b\n"),
        _text("a.md", "", "<summary>"),
        _text("a.md", "", "# [a](<b\n\n"),
        _text("a.md", "", "- a?\n\n  b\n"),
        _text("a.md", "", "> - "),
        _text("a.md", "", "<details>\n"),
        _text("a.md", "", "|a" * 100 + "\n" + "|-" * 100 + "\n"),
    ),
    "gift": (
        _text("a.gift", "", "::a::"),
        _text("a.gift", "::a::", " ", "x"),
        _text("a.gift", "::a::b{", "=%"),
        _text("a.gift", "", "::a::b{=c}\n\n"),
        _text("a.gift", "::a::b{", "\\"),
        _text("a.gift", "::a::[html]", "<ol>"),
    ),
    "moodle": (_quiz,),
    "dialogflow": (_agent,),
    "yaml": (
        _text("a.yaml", "", "- {question: a, answer: b}\n"),
        _text("a.yaml", "a:\n", "- "),
    ),
    "rasa": (
        _rasa,
        _text("nlu.yml", _NLU, "[", "'"),
        _text("nlu.yml", _NLU, "[a](", "'"),
        _text("nlu.yml", _NLU, "[a]{", "'"),
        _text("nlu.yml", "nlu:\n", "- "),
    ),
    "chatgpt": (_tree(lambda count: {"mapping": _nodes(count)}, 100),),
    "telegram": (_tree(_chat, 80),),
    "vk": (
        _tree(
            lambda count: {"conversation": {"peer": {}}, **_chat(count)},  # type: ignore[dict-item]
            80,
        ),
    ),
    "librechat": (_tree(_librechat, 90),),
    "label-studio": (
        _tree(
            lambda count: {
                "data": {"question": "a"},
                "annotations": _numbered(count, result=[{"value": {"text": ["b"]}}]),
            },
            60,
        ),
    ),
    "faq-page": (
        _tree(
            lambda count: {
                "mainEntity": _numbered(
                    count, name="a", acceptedAnswer={"text": "<p" * 9}
                )
            },
            80,
        ),
    ),
}
