"""Records of other programs as examples: where each form has question, answer, turns and verdict.

A record is a map of JSON or a row of a table. Its turns are in the lists of one of `_SHAPES`; else
question and answer have one of the names of `merlin.core.table_cells`, or those that a person has
chosen. A question without its turns is an error; what other fields mean is asked
(`merlin.dataset.import_fields`).

Source: OpenAI's guides "Supervised fine-tuning" and "Direct preference optimization"; TRL's
"Dataset formats"; LLaMA-Factory's "Data preparation" (Alpaca, ShareGPT); Gemini's and Yandex AI
Studio's guides to tuning; "Import and export" of QnA Maker.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from merlin.core.example_keys import KEYS, RECORD, REVISION
from merlin.core.table_cells import REQUIRED_COLUMNS, find_columns
from merlin.core.yaml_error import json_type
from merlin.dataset.example import split_tags
from merlin.dataset.finding import shorten
from merlin.dataset.import_fields import (
    NO_CHOICES,
    FieldChoices,
    find_parts,
    is_verdict,
)
from merlin.dataset.import_texts import find_picture, mend_html
from merlin.dataset.import_trees import MEDIA_KEYS, find_all


class Unreadable(Exception):
    """A record that cannot become an example: the rule it breaks, and its arguments."""

    def __init__(self, rule: str, **arguments: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.arguments = arguments


class Shape(NamedTuple):
    """Where records of a form have their parts: paths of keys, separated by spaces.

    `turns` together are the conversation: each a list of messages, or the text of a role.
    """

    turns: Mapping[str, str]
    rejected: str = "rejected"
    system: str = "system text"
    tools: str = "tools"


# The first whose turns are all there, at least one as a list, is taken.
_SHAPES = (
    Shape({"messages": "user"}),
    Shape(
        {"input messages": "user", "preferred_output": "assistant"},
        "non_preferred_output",
        tools="input tools",
    ),
    Shape({"conversations": "user", "chosen": "assistant"}),
    Shape({"conversations": "user"}),
    Shape({"conversation": "user"}),
    Shape({"chat_messages": "user"}),
    Shape({"prompt": "user", "completion": "assistant"}),
    Shape({"prompt": "user", "chosen": "assistant"}),
    Shape({"chosen": "user"}),
    Shape({"request": "user", "response": "assistant"}),
    Shape({"contents": "user"}, system="systemInstruction parts text"),
)
# Keys of a message, the first that is there.
ROLE_KEYS = ("role", "from", "author", "speaker", "sender")
_TEXT_KEYS = ("content", "value", "text", "parts")
_ROLES = {
    **dict.fromkeys(
        ("user", "human", "customer", "client", "пользователь", "клиент"), "user"
    ),
    **dict.fromkeys(
        (
            "assistant",
            "bot",
            "gpt",
            "chatgpt",
            "chatbot",
            "model",
            "ai",
            "agent",
            "бот",
        ),
        "assistant",
    ),
    **dict.fromkeys(("system", "developer"), "system"),
}
_MESSAGE_KEYS = ("name", "weight", "tool_calls", "tool_call_id")
_HISTORY = ("history", "chat_history", "conversation_history", "dialogue_history")
# The question is about what is not in its words.
_NEEDS = {
    "iscontextonly": "import-history",
    **dict.fromkeys(MEDIA_KEYS, "import-part"),
}
# What an example has no place for: the name of the field, and its value; None: no field of its own.
Unmapped = list[tuple[str, Any]]
_PARTS = tuple(key.name for key in KEYS if key.columns is not None)
_NESTED = tuple(key.name for key in KEYS if key.columns is None and not key.is_required)
# What a cell of a table has as JSON.
_WRITTEN = {"messages", *_NESTED, *_HISTORY, RECORD}
_NOTHING: tuple[object, ...] = (None, "", [], {})
# Marks of roles in one text: of Alpaca, Anthropic's form of 2023, ChatML, Llama 3 and Gemma.
_TALK = re.compile(
    r"(?:###\s*|<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|(?:\A|\n\n)(?=\w+:))"
    r"(human|user|instruction|input|assistant|model|response|system)"
    r"(?:\s*:|<\|end_header_id\|>|\n)\s*",
    re.IGNORECASE,
)
_TALK_ROLES = {"human": "user", "instruction": "user", "input": "user"} | dict.fromkeys(
    ("model", "response"), "assistant"
)
_ALPACA = "Below is an instruction"
_TALK_ENDS = re.compile(
    r"</?s>|<bos>|<end_of_turn>|<\|(?:im_end|eot_id|\w+_of_text)\|>"
)


def convert_record(
    record: Mapping[str, Any], left: Unmapped, choices: FieldChoices = NO_CHOICES
) -> Iterator[dict[str, Any]]:
    """Yield the examples of a record, one for each of its questions, in Merlin's own form.

    Adds the fields that are left out to `left`. Invalid values stay: the schema reports them.
    Raises Unreadable.
    """
    record = _read_cells(record)
    if REVISION in record and isinstance(record.get("messages"), list):
        yield _read_exported(record, left)
        return
    _check_meaning(record)
    flat, keys = _find_keys(record, choices)
    is_chosen = choices.parts.keys() & {*REQUIRED_COLUMNS} and {*REQUIRED_COLUMNS} <= {
        *keys
    }
    shapes = () if is_chosen else _SHAPES
    shape = next((each for each in shapes if _is_of(record, each)), None)
    record = record if shape else flat
    keys = {part: key for part, key in keys.items() if key in record}
    names = [*record]
    used = {"tools", REVISION, *(keys.get(part, "") for part in ("system", *_PARTS))}
    used |= {name for name in names if _plain(name) in _HISTORY}
    system = record.get(keys.get("system", ""))
    parts = {part: record[keys[part]] for part in _PARTS if part in keys}
    if shape:
        used |= {
            path.partition(" ")[0]
            for path in (*shape.turns, shape.rejected, shape.system)
        }
        talks = [_read_talk(record, shape, left)]
        parts["rejected"] = _read_rejected(record, shape, left)
        system = "\n".join(map(str, find_all(record, shape.system))) or system
    else:
        used |= {keys.get(part, "") for part in ("question", "answer", "context")}
        talks = [*_read_pairs(record, keys, left)]
    used.discard("")
    nested = {
        name: record[name]
        for name in _NESTED
        if isinstance(record.get(name), dict | list)
    }
    used |= nested.keys()
    parts |= nested
    parts["tools"] = find_all(record, shape.tools if shape else "tools")
    _check_parts(parts, keys, left)
    left += (
        (name, record[name])
        for name in names
        if name not in used and record[name] not in _NOTHING
    )
    # A chat of open-webui has its turns once more, as a tree.
    is_tree = bool(shape) and isinstance(record.get("history"), dict)
    earlier = [] if is_tree else _read_history(record, left)
    first = [{"system": system}] if system else []
    for talk in talks:
        yield {
            "messages": [*first, *earlier, *talk],
            **{
                part: value
                for part, value in parts.items()
                if value not in (None, "", [])
            },
        }


def _read_cells(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record with the JSON of its cells as values; the keys of a whole one are its own."""
    read = dict(record)
    for name in record.keys() & _WRITTEN:
        if isinstance(text := record[name], str) and text.startswith(("[", "{")):
            with suppress(ValueError, RecursionError):
                read[name] = json.loads(text)
    whole = read.get(RECORD)
    if isinstance(whole, dict) and REVISION in whole:
        read |= {**whole, RECORD: None}
    return read


def _read_exported(record: Mapping[str, Any], left: Unmapped) -> dict[str, Any]:
    """Return the keys of a record that an export has written, as they are."""
    names = [key.name for key in KEYS if key.name in record]
    others = record.keys() - {*names, REVISION}
    left += ((name, record[name]) for name in others if record[name] not in _NOTHING)
    return {name: record[name] for name in names}


def _check_parts(
    parts: dict[str, Any], keys: Mapping[str, str], left: Unmapped
) -> None:
    """Mend tags and the worse answer; one that says yes or no is a field, a tag "archive" too."""
    if "rejected" in parts and _is_flag(parts["rejected"]):
        left.append((keys.get("rejected", "rejected"), parts.pop("rejected")))
    if worse := _split_talk(parts.get("rejected")):
        parts["rejected"] = worse[-1]["content"]
    if isinstance(tags := parts.get("tags"), str):
        parts["tags"] = split_tags(tags)
    for part in ("tags", "source", "note"):
        if any(is_verdict("", str(each)) for each in find_all(parts, part)):
            left.append((keys[part], parts[part]))


def is_record(value: Mapping[str, Any], choices: FieldChoices = NO_CHOICES) -> bool:
    """Return whether a map has the turns of a form, or a question with its answer."""
    _, keys = _find_keys(value, choices)
    return keys.keys() >= {*REQUIRED_COLUMNS} or any(
        _is_of(value, each) for each in _SHAPES
    )


def _find_keys(
    record: Mapping[str, Any], choices: FieldChoices
) -> tuple[Mapping[str, Any], dict[str, str]]:
    """Return a record with the paths of its values as keys, and part of an example -> its key.

    Without a question and an answer of its own, those of the maps within it are taken, each if no
    other is called so.
    """
    flat = flatten(record)
    names = [*flat]
    found = find_parts(names, choices)
    if not found.keys() >= {*REQUIRED_COLUMNS}:
        last = [name.rpartition(".")[2] for name in names]
        alone = [name if last.count(name) == 1 else "" for name in last]
        found = find_columns(alone) | found
    return flat, {part: names[place] for part, place in found.items()}


def flatten(record: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return a record with the paths of the values within its maps as keys."""
    flat = dict[str, Any]()
    for key, value in record.items():
        is_whole = key in _NESTED or (isinstance(value, dict) and "text" in value)
        if isinstance(value, dict) and value and not is_whole:
            flat |= flatten(value, f"{path}{key}.")
        else:
            flat[f"{path}{key}"] = value
    return flat


def _plain(name: str) -> str:
    return name.strip().casefold().replace("-", "_")


def _check_meaning(record: Mapping[str, Any]) -> None:
    """Raise Unreadable for a key without which question and answer teach something else."""
    for key, found in record.items():
        name = _plain(key)
        if name in _NEEDS and found and str(found).strip().casefold() != "false":
            raise Unreadable(
                _NEEDS[name], found=shorten(key), kind=shorten(key), inside=shorten(key)
            )
        if name == "context" and isinstance(found, dict):
            _check_meaning(found)


def _is_flag(rejected: Any) -> bool:
    """Return whether "rejected" says yes or no, and is no worse answer."""
    return isinstance(rejected, int | float) or str(rejected).casefold() in (
        "true",
        "false",
    )


def _is_of(record: Mapping[str, Any], shape: Shape) -> bool:
    first = [find_raw(record, path) for path in shape.turns]
    return None not in first and any(map(_is_talk, first))


def _is_talk(turns: Any) -> bool:
    """Return whether there is a list, of which nothing is a map without a role."""
    return isinstance(turns, list) and all(
        isinstance(turn, str)
        or (
            isinstance(turn, dict)
            and (
                turn.keys() & {*_ROLES}
                or any(isinstance(turn.get(key), str) for key in ROLE_KEYS)
            )
        )
        for turn in turns[:1]
    )


def find_raw(record: Any, path: str) -> Any:
    """Return the value at a path of keys, None without it."""
    for key in path.split():
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _read_talk(record: Mapping[str, Any], shape: Shape, left: Unmapped) -> list[Any]:
    """Return the messages of all parts; a part may begin with the one before it."""
    talk = list[Any]()
    for path, role in shape.turns.items():
        turns = _read_turns(find_raw(record, path), path.split()[-1], role, left)
        talk = turns if turns[: len(talk)] == talk else talk + turns
    return talk


def _read_rejected(record: Mapping[str, Any], shape: Shape, left: Unmapped) -> Any:
    worse = find_raw(record, shape.rejected)
    if isinstance(worse, dict):
        worse = [worse]
    if not isinstance(worse, list) or not worse:
        return worse
    message = _read_turns(worse[-1:], shape.rejected, "assistant", left)[0]
    is_plain = isinstance(message, dict) and message.keys() == {"role", "content"}
    return message["content"] if is_plain else message


def _read_turns(turns: Any, place: str, role: str, left: Unmapped) -> list[Any]:
    if isinstance(turns, str):
        return [{"role": role, "content": clean_text(turns, left)}]
    if isinstance(turns, dict):
        turns = [turns]
    return [
        _read_message(f"{place}[{number}]", turn, left)
        for number, turn in enumerate(require(list, turns, place))
    ]


def _read_message(place: str, turn: Any, left: Unmapped) -> Any:
    role_key = next(
        (key for key in ROLE_KEYS if isinstance(turn, dict) and key in turn), ""
    )
    if not role_key:  # {"user": "…"} is as in our own files
        return turn
    if turn.get("function_call"):  # OpenAI's form of 2023, in its account's old files
        raise Unreadable("import-function-call", inside=f"{place}.function_call")
    message = {
        key: turn[key] for key in _MESSAGE_KEYS if turn.get(key) not in (None, [])
    }
    if isinstance(weight := message.get("weight"), float) and weight.is_integer():
        message["weight"] = int(weight)
    message["role"] = _ROLES.get(str(turn[role_key]).casefold(), turn[role_key])
    text_key = next((key for key in _TEXT_KEYS if turn.get(key) is not None), "content")
    if isinstance(content := turn.get(text_key), list):
        texts = (
            _read_part(part, f"{place}.{text_key}[{at}]")
            for at, part in enumerate(content)
        )
        content = "\n".join(texts)
    if content is not None:
        message["content"] = (
            clean_text(content, left) if isinstance(content, str) else content
        )
    for call in require(list, message.get("tool_calls", []), f"{place}.tool_calls"):
        function = call.get("function") if isinstance(call, dict) else None
        # Templates of Hugging Face take an object.
        if isinstance(function, dict) and isinstance(function.get("arguments"), dict):
            function["arguments"] = json.dumps(
                function["arguments"], ensure_ascii=False
            )
    known = {role_key, text_key, *_MESSAGE_KEYS}
    left += (
        (f"messages[].{key}", turn[key])
        for key in turn
        if key not in known and turn[key] is not None
    )
    return message


def _read_part(part: Any, place: str) -> str:
    match part:
        case str():
            return part
        case {"type": "text" | "input_text" | "output_text", "text": str(text)}:
            return text
        case {"content_type": "audio_transcription", "text": str(text)}:
            return text
        case {"type": str(kind)} | {"content_type": str(kind)} if kind != "text":
            raise Unreadable("import-part", kind=shorten(kind), inside=shorten(place))
        case {"text": str(text), **others} if not others:
            return text
        case {**others} if others:
            name = next((key for key in others if key != "text"), "text")
            raise Unreadable(
                "import-part", kind=shorten(str(name)), inside=shorten(place)
            )
    return str(require(str, part, place))


def _read_pairs(
    record: Mapping[str, Any], keys: Mapping[str, str], left: Unmapped
) -> Iterator[list[Any]]:
    """Yield question and answer for each question of a record."""
    written = [record[keys[part]] for part in REQUIRED_COLUMNS if part in keys]
    if written and _split_talk(written[0]):
        yield _split_talk("".join(map(str, written)))
        return
    if not {"question", "answer"} <= keys.keys():
        found = shorten(", ".join(record)) or "–"
        raise Unreadable("import-keys", found=found, question="no")
    answers = _list_texts(record, keys["answer"], left)
    context = record.get(keys.get("context", ""))
    if context and not isinstance(context, str):
        left.append((keys["context"], context))
    for question in _list_texts(record, keys["question"], left):
        asked = (
            f"{question}\n{context}"
            if context and isinstance(context, str)
            else question
        )
        yield [
            {"user": clean_text(asked, left)},
            {"assistant": clean_text(answers[0], left)},
        ]
    if len(answers) > 1:
        left.append((f"{keys['answer']}[1:]", None))


def _split_talk(text: Any) -> list[dict[str, str]]:
    """Return the turns of a text that has marks of both roles, [] of any other."""
    marked = (
        str(text).replace("[INST]", "### user:").replace("[/INST]", "### assistant:")
    )
    before, *said = _TALK.split(_TALK_ENDS.sub("", marked))
    roles = [_TALK_ROLES.get(role.casefold(), role.casefold()) for role in said[::2]]
    turns = list[dict[str, str]]()
    for role, words in zip(roles, said[1::2], strict=True):
        own = turns.pop()["content"] if turns and turns[-1]["role"] == role else ""
        turns.append({"role": role, "content": f"{own}\n{words}".strip()})
    is_talk = before.strip() == "" or before.lstrip().startswith(_ALPACA)
    return turns if is_talk and {"user", "assistant"} <= {*roles} else []


def _list_texts(record: Mapping[str, Any], key: str, left: Unmapped) -> list[str]:
    """Return the texts under a key: one, those of a list, or those of a map's `text`.

    A text beside which it says "correct: false" is left out; what else is said of one is asked.
    """
    texts = list[str]()
    value = record[key]
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        value = value["text"]
    for each in value if isinstance(value, list) else [value]:
        about = {**each} if isinstance(each, dict) else {}
        text: Any = about.pop("text", each)
        if any(is_verdict(name, str(says)) for name, says in about.items()):
            left.append((f"{key}[]", None))
            continue
        left += (
            (f"{key}[].{name}", says)
            for name, says in about.items()
            if says is not True
        )
        texts.append(str(require(str, "" if text is None else text, key)))
    return texts or [""]


def _read_history(record: Mapping[str, Any], left: Unmapped) -> list[Any]:
    """Return the turns before the question: a list of messages, or of questions with answers."""
    messages = list[Any]()
    for key in record:
        history = record[key] if _plain(key) in _HISTORY else []
        for turn in history if isinstance(history, list) else [history or {}]:
            if isinstance(turn, list) and len(turn) == len(("user", "assistant")):
                pair = zip(("user", "assistant"), turn, strict=True)
                messages += ({role: require(str, words, key)} for role, words in pair)
            elif isinstance(turn, dict) and isinstance(history, list):
                messages.append(_read_message(key, turn, left))
            elif history:
                raise Unreadable("import-history", found=shorten(key))
    return messages


# "C:\\new" has none.
_WRITTEN_END = re.compile(r"(?:\\r)?\\n(?![a-z])")


def clean_text(text: str, left: Unmapped) -> str:
    r"""Return a text with LF line ends, HTML as people see it. Raises Unreadable for a picture.

    A text without a line end has those that were written as \n, if it has no other backslash.
    """
    repaired = _WRITTEN_END.sub("\n", text)
    if repaired != text and "\n" not in text and "\\" not in repaired:
        left.append(("\\n", None))
        text = repaired
    if picture := find_picture(text):
        raise Unreadable("import-part", kind=shorten(picture))
    plain = mend_html(text.replace("\r\n", "\n").replace("\r", "\n"))
    if plain != text and "<" in text and "<" not in plain:
        left.append(("<…>", None))
    return plain


def require(kind: type, value: Any, place: str) -> Any:
    """Return a value of a type. Raises Unreadable."""
    if not isinstance(value, kind):
        expected = json_type(kind())
        found = json_type(value)
        raise Unreadable(
            "wrong-type", expected=expected, found=found, inside=shorten(place)
        )
    return value
