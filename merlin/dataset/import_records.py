"""Read a record of an imported file as the parts of an example.

    messages                            OpenAI's chats, with `tools`
    input, preferred_output,            OpenAI's pairs, which builds of the method DPO have too
    non_preferred_output
    a question and its answer           by the names of `merlin.core.table_cells`

The content of a message may be a list of parts with text. What an example has no place for is left
out and named; [] stands for the number of a list's item: `messages[].refusal`.

Source: OpenAI's guides "Supervised fine-tuning" and "Direct preference optimization".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from merlin.core.table_cells import find_columns
from merlin.dataset.finding import shorten
from merlin.dataset.spec import Step, json_type

_MESSAGE_KEYS = ("role", "content", "name", "weight", "tool_calls", "tool_call_id")
_PARTS = ("tags", "split", "source", "note", "rejected")
_TAG_SEPARATORS = re.compile(r"[,;\s]+")


class UnreadableRecord(Exception):
    """A record that cannot become an example: the rule it breaks, and the path inside it."""

    def __init__(self, rule: str, inside: str = "", **arguments: str | int) -> None:
        super().__init__(rule)
        self.rule, self.inside, self.arguments = rule, inside, arguments


class Record(NamedTuple):
    """The parts of an example as JSON, the keys that were left out, the path of each message."""

    values: dict[str, Any]
    left: tuple[str, ...]
    places: tuple[str, ...]


def read_record(value: Mapping[str, Any]) -> Record:
    """Return the parts of a record's example; invalid values stay: the schema reports them.

    Raises UnreadableRecord.
    """
    names = [*value]
    keys = {part: names[place] for part, place in find_columns(names).items()}
    turns: dict[str, Any] = {}
    if keys.get("system") and value[keys["system"]]:
        turns[keys["system"]] = {"role": "system", "content": value[keys["system"]]}
    used, holder = {keys.get("system", "")}, value
    if "preferred_output" in value:
        holder = _require(dict, value.get("input"), "input")
        turns |= _number(holder.get("messages"), "input.messages")
        turns |= _number(value["preferred_output"], "preferred_output")
        used |= {"input", "preferred_output", "non_preferred_output"}
    elif "messages" in value:
        turns |= _number(value["messages"], "messages")
        used |= {"messages"}
    elif {"question", "answer"} <= keys.keys():
        question, answer, context = (
            keys.get(each, "") for each in ("question", "answer", "context")
        )
        asked = [_text(value, key) for key in (question, context) if value.get(key)]
        turns[question] = {"role": "user", "content": "\n".join(asked)}
        turns[answer] = {"role": "assistant", "content": _text(value, answer)}
        used |= {question, answer, context}
    else:
        raise UnreadableRecord("import-keys", found=shorten(", ".join(names)) or "–")
    left = list[str]()
    messages = [_read_message(*each, left) for each in turns.items()]
    values = {"tools": holder.get("tools")}
    values |= {part: value[keys[part]] for part in _PARTS if part in keys}
    if "preferred_output" in value:
        worse = _number(value.get("non_preferred_output") or [], "non_preferred_output")
        values["rejected"] = next((_read_message(*each, left) for each in worse.items()), None)
    if isinstance(tags := values.get("tags"), str):
        values["tags"] = split_tags(tags)
    used |= {"tools", *(keys.get(part, "") for part in _PARTS)}
    left = [*(key for key in names if key not in used and value[key] is not None), *left]
    others = {key: part for key, part in values.items() if part not in (None, "", [])}
    return Record({"messages": messages, **others}, (*dict.fromkeys(left),), (*turns,))


def split_tags(text: str) -> list[str]:
    """Return the tags in a text, separated by commas, semicolons or white space, each once."""
    return list(dict.fromkeys(filter(None, _TAG_SEPARATORS.split(text))))


def find_place(steps: Sequence[Step], places: Sequence[str]) -> str:
    """Return the path in a record of a part of its example; `places` are those of the record."""
    match steps:
        case ("messages", int(number), *rest) if number < len(places):
            # A question or an answer is a text itself.
            return _join_path([places[number], *(rest if "[" in places[number] else [])])
        case _:
            return _join_path(steps)


def _join_path(steps: Iterable[Step]) -> str:
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return "".join(parts).removeprefix(".")


def _text(value: Mapping[str, Any], key: str) -> str:
    return "" if value[key] is None else str(_require(str, value[key], key))


def _require(kind: type, value: Any, place: str) -> Any:
    if not isinstance(value, kind):
        arguments = {"expected": json_type(kind()), "found": json_type(value)}
        raise UnreadableRecord("wrong-type", place, **arguments)
    return value


def _number(turns: Any, place: str) -> dict[str, Any]:
    """Return path -> turn of a list of turns. Raises UnreadableRecord if it is none."""
    return {f"{place}[{at}]": turn for at, turn in enumerate(_require(list, turns, place))}


def _read_message(place: str, turn: Any, left: list[str]) -> Any:
    """Return a message; adds to `left` what an example has no place for."""
    if not isinstance(turn, dict) or "role" not in turn:  # {"user": "…"} is as in our own files
        return turn
    message = {key: turn[key] for key in _MESSAGE_KEYS if turn.get(key) not in (None, [])}
    message["role"] = "system" if turn["role"] == "developer" else turn["role"]
    if isinstance(parts := turn.get("content"), list):
        message["content"] = _join_parts(parts, f"{place}.content")
    unknown = (key for key in turn if key not in _MESSAGE_KEYS and turn[key] is not None)
    left += [f"{place.partition('[')[0]}[].{key}" for key in unknown]
    return message


def _join_parts(parts: Sequence[Any], path: str) -> str:
    """Return the texts of the parts, joined by newlines as in the engine."""
    texts = list[str]()
    for number, part in enumerate(parts):
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": str(kind)} if kind != "text":
                raise UnreadableRecord("import-part", f"{path}[{number}]", kind=shorten(kind))
            case _:
                _require(str, part, f"{path}[{number}]")
                texts.append(part)
    return "\n".join(texts)
