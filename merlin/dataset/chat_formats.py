"""Write a conversation in other JSON formats: OpenAI's two, ShareGPT and Alpaca.

    openai    {"messages": [{"role": "user", "content": "…"}, …]}
    sharegpt  {"conversations": [{"from": "human", "value": "…"}, …], "system": "…"}
    alpaca    {"instruction": "…", "input": "…", "output": "…", "system": "…", "history": […]}
    preference  {"input": {"messages": […], "tools": […]},
                 "preferred_output": [{…}], "non_preferred_output": [{…}]}

Other parts of an example (tags, split, source, note, tools, rejected) are additional keys of the
record, which other programs ignore. ShareGPT has tools as JSON in a string. In Alpaca `history`
contains the earlier pairs. `merlin.dataset.foreign_records` reads these formats and others.

A line of a training file is an example as one line of JSON, in the format of its method.

Source: OpenAI's guides "Supervised fine-tuning" and "Direct preference optimization";
LLaMA-Factory, data/README.md; FastChat, data_cleaning.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from merlin.core.messages import REJECTED, Message
from merlin.dataset.example import Example
from merlin.dataset.foreign_records import ChatFormat

_BESIDE = ("tools", "rejected", "tags", "split", "source", "note")
_SPEAKERS = {"user": "human", "assistant": "gpt"}


def from_example(example: Example, system: str, shape: ChatFormat) -> dict[str, Any] | None:
    """Return an example as a record, None if the format cannot represent it.

    The dataset's `system` comes first unless the example has its own. Alpaca cannot represent tools
    and the long form of messages; `preference` represents pairs only.
    """
    record: dict[str, Any]
    messages = [each.as_json() for each in example.with_system(system)]
    worse = example.rejected
    if shape == "preference":
        if worse is None:
            return None
        record = _make_record(example, example.with_system(system)) | _list_other_keys(example)
        record.pop("tools", None)
        return record
    if shape == "openai":
        record = {"messages": messages}
    elif shape == "sharegpt":
        record = {"conversations": [_to_turn(message) for message in messages]}
    elif example.tools or any(each.extra for each in (*example.messages, worse) if each):
        return None
    else:
        record = _to_alpaca([str(message["content"]) for message in messages])
    record |= _list_other_keys(example)
    if worse is not None:
        record["rejected"] = _write_rejected(worse)
    if shape == "sharegpt" and example.tools:
        record["tools"] = json.dumps(record["tools"], ensure_ascii=False)
    return record


def _list_other_keys(example: Example) -> dict[str, Any]:
    found = {key: getattr(example, key) for key in _BESIDE if key != "rejected"}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in found.items()
        if value
    }


def _write_rejected(worse: Message) -> str | dict[str, object]:
    """Return a worse answer as in an example's file: its text, or a message."""
    return worse.as_json() if worse.extra else worse.content


def _make_record(example: Example, conversation: Sequence[Message]) -> dict[str, Any]:
    """Return an example as a line of a training file: a conversation, or a pair of answers."""
    messages = [each.as_json() for each in conversation]
    tools = {"tools": list(example.tools)} if example.tools else {}
    if example.rejected is None:
        return {"messages": messages, **tools}
    return {
        "input": {"messages": messages[:-1], **tools},
        "preferred_output": messages[-1:],
        "non_preferred_output": [example.rejected.as_json()],
    }


def _to_turn(message: Mapping[str, object]) -> dict[str, object]:
    role = str(message["role"])
    rest = {key: each for key, each in message.items() if key not in ("role", "content")}
    return {"from": _SPEAKERS.get(role, role), "value": message["content"], **rest}


def _to_alpaca(contents: Sequence[str]) -> dict[str, Any]:
    """Return a conversation of an optional system message, then user and assistant in turns."""
    system, *turns = contents
    pairs = [list(pair) for pair in zip(turns[::2], turns[1::2], strict=True)]
    (question, answer), before = pairs[-1], pairs[:-1]
    values: dict[str, Any] = {"instruction": question, "input": "", "output": answer}
    return {**values, "system": system, **({"history": before} if before else {})}


def training_line(example: Example, system: str) -> bytes:
    """Return the line of the training file, with its line end; `system` is the dataset's text."""
    return _dump(_make_record(example, example.with_system(system))) + b"\n"


def dump_messages(example: Example, system: str) -> str:
    """Return the training conversation as JSON; a worse answer is the last, with its own role."""
    messages = [each.as_json() for each in example.with_system(system)]
    worse = example.rejected
    return _dump(messages + ([{**worse.as_json(), "role": REJECTED}] if worse else [])).decode()


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
