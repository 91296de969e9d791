"""Read and write a conversation in other JSON formats: OpenAI's two, ShareGPT and Alpaca.

    openai    {"messages": [{"role": "user", "content": "…"}, …]}
    sharegpt  {"conversations": [{"from": "human", "value": "…"}, …], "system": "…"}
    alpaca    {"instruction": "…", "input": "…", "output": "…", "system": "…", "history": […]},
              or the same with other names, such as question and answer
    preference  {"input": {"messages": […], "tools": […]},
                 "preferred_output": [{…}], "non_preferred_output": [{…}]}

Other parts of an example (tags, split, source, note, tools, rejected) are additional keys of the
record, which other programs ignore. ShareGPT has tools as JSON in a string, the calls of tools in a
turn from `function_call`, and the last answer in `chosen` if there is a worse one. In Alpaca,
instruction and input are two lines of the user's message; `history` contains the earlier pairs.

A line of a training file is an example as one line of JSON, in the format of its method.

Source: OpenAI's guides "Supervised fine-tuning" and "Direct preference optimization";
LLaMA-Factory, data/README.md; FastChat, data_cleaning.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from merlin.core.messages import REJECTED, Message
from merlin.dataset.example import Example

ChatFormat = Literal["openai", "sharegpt", "alpaca", "preference"]
FORMATS: tuple[ChatFormat, ...] = get_args(ChatFormat)

_MAIN_KEYS: Mapping[str, ChatFormat] = {
    "preferred_output": "preference",
    "messages": "openai",
    "conversations": "sharegpt",
    "instruction": "alpaca",
    "question": "alpaca",
    "prompt": "alpaca",
}
_BESIDE = ("tools", "rejected", "tags", "split", "source", "note")
_KEYS = {
    "sharegpt": ("conversations", "chosen", "system", *_BESIDE),
    "alpaca": ("instruction", "input", "output", "system", "history", *_BESIDE),
    "preference": ("input", "preferred_output", "non_preferred_output", *_BESIDE),
}
# Names that other data sets use for Alpaca's.
_ALPACA_NAMES = {
    "question": "instruction",
    "prompt": "instruction",
    "context": "input",
    "answer": "output",
    "response": "output",
    "completion": "output",
    "chosen": "output",
}
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "function_call": "assistant",
    "observation": "tool",
}
_SPEAKERS = {"user": "human", "assistant": "gpt"}
_PAIR = 2


def detect_chat_format(value: Mapping[str, Any]) -> ChatFormat:
    """Return the format whose main key a record has; OpenAI's if it has none."""
    return next((shape for key, shape in _MAIN_KEYS.items() if key in value), "openai")


def to_openai(value: Mapping[str, Any], shape: ChatFormat) -> tuple[dict[str, Any], list[str]]:
    """Return a record in OpenAI's format, and the keys that cannot be converted.

    Invalid values stay as they are: the schema reports them. Raises ValueError if tools or their
    calls are a string that is not JSON.
    """
    if shape == "openai":
        values, left = dict(value), []
    else:
        if shape == "alpaca":
            value = _rename_keys(value)
        converted = _READERS[shape](value)
        values = {"messages": converted, **{key: value[key] for key in _BESIDE if key in value}}
        left = [key for key in value if key not in _KEYS[shape]]
        if shape == "preference":
            left += _add_pair(values, value)
        elif "rejected" in values:
            values["rejected"] = _from_turn(values["rejected"])
    tools = values.pop("tools", None)
    if isinstance(tools, str):
        tools = _load("tools", tools or "null")
    if isinstance(tools, list):
        tools = [_read_tool(tool) for tool in tools]
    if tools:
        values["tools"] = tools
    return values, left


def _read_tool(tool: Any) -> Any:
    """Return a tool in OpenAI's form; other programs write its function alone."""
    is_bare = isinstance(tool, dict) and "name" in tool
    return {"type": "function", "function": tool} if is_bare else tool


def _load(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _system(value: Mapping[str, Any]) -> list[Any]:
    # Other programs write "" for a missing one.
    system = value.get("system")
    return [{"role": "system", "content": system}] if system else []


def _from_sharegpt(value: Mapping[str, Any]) -> Any:
    turns = value.get("conversations")
    if not isinstance(turns, list):
        return turns
    messages, unanswered = _system(value), list[str]()
    for turn in [*turns, *([value["chosen"]] if "chosen" in value else [])]:
        message = _from_turn(turn)
        match turn:
            case {"from": "function_call", "value": str(calls)}:
                message["tool_calls"] = _read_calls(calls, len(messages))
                message["content"] = None
                unanswered = [call["id"] for call in message["tool_calls"]]
            case {"from": "observation"} if unanswered:
                message.setdefault("tool_call_id", unanswered.pop(0))
            case _ if not unanswered:
                pass
            case _:
                raise ValueError("fewer turns from observation than calls in function_call")
        messages.append(message)
    return messages


def _read_calls(text: str, number: int) -> list[dict[str, Any]]:
    """Return the tool calls of a turn, a JSON object or a list; `number` makes their ids unique."""
    calls = _load("function_call", text)
    read = []
    for place, call in enumerate(calls if isinstance(calls, list) else [calls]):
        match call:
            case {"name": _, "arguments": dict(arguments)}:
                function = call | {"arguments": json.dumps(arguments, ensure_ascii=False)}
            case _:
                raise ValueError("function_call: not an object with name and arguments")
        read.append({"id": f"call_{number}_{place}", "type": "function", "function": function})
    return read


def _from_turn(turn: Any) -> Any:
    if not isinstance(turn, dict):
        return turn
    names = {"from": "role", "value": "content"}
    message = {names.get(key, key): each for key, each in turn.items()}
    speaker = message.get("role")
    if isinstance(speaker, str):
        message["role"] = _ROLES.get(speaker, speaker)
    return message


def _rename_keys(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record with Alpaca's names; a second key for the same part keeps its own."""
    renamed: dict[str, Any] = {}
    for key, item in value.items():
        name = _ALPACA_NAMES.get(key, key)
        renamed[key if name in renamed or name in value else name] = item
    return renamed


def _from_alpaca(value: Mapping[str, Any]) -> Any:
    turns = _system(value)
    history = value.get("history") or []
    if not isinstance(history, list):
        return history
    for pair in history:
        is_pair = isinstance(pair, list) and len(pair) == _PAIR
        turns += _pair(*pair) if is_pair else [pair]
    words = [value.get(key) for key in ("instruction", "input")]
    question: Any = [word for word in words if word not in (None, "")]
    if all(isinstance(each, str) for each in question):
        question = "\n".join(question)
    return [*turns, *_pair(question, value.get("output"))]


def _from_preference(value: Mapping[str, Any]) -> Any:
    prompt, better = value.get("input"), value.get("preferred_output")
    messages = prompt.get("messages") if isinstance(prompt, dict) else prompt
    return (
        [*messages, *better]
        if isinstance(messages, list) and isinstance(better, list)
        else messages
    )


def _add_pair(values: dict[str, Any], value: Mapping[str, Any]) -> list[str]:
    """Add the worse answer and the tools; return the keys of `input` that cannot be converted."""
    worse, prompt = value.get("non_preferred_output"), value.get("input")
    values["rejected"] = worse[0] if isinstance(worse, list) and len(worse) == 1 else worse
    if values["rejected"] is None:
        del values["rejected"]
    if not isinstance(prompt, dict):
        return []
    if "tools" in prompt:
        values["tools"] = prompt["tools"]
    return [f"input.{key}" for key in prompt if key not in ("messages", "tools")]


_READERS = {"sharegpt": _from_sharegpt, "alpaca": _from_alpaca, "preference": _from_preference}


def _pair(question: Any, answer: Any) -> list[Any]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


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
        record["rejected"] = write_rejected(worse)
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


def write_rejected(worse: Message) -> str | dict[str, object]:
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


_ONLY_MESSAGES, _TOOLS = b'{"messages":', b',"tools":'


class TrainingLine(NamedTuple):
    """One line with its line end; the dataset's system message is inserted `at` this byte.

    `at` is None if the example has its own system text.
    """

    at: int | None
    line: bytes

    def dump_messages(self, system: bytes) -> str:
        """Return the training conversation as JSON; a worse answer is the last, with its own role.

        `system` is the `system_part`. Most lines contain nothing else, and need not be parsed.
        """
        line = complete_line(self.at, self.line, system)
        if line.startswith(_ONLY_MESSAGES) and _TOOLS not in line:
            return line[len(_ONLY_MESSAGES) : -len(b"}\n")].decode()
        record = json.loads(line)
        if "messages" in record:
            return _dump(record["messages"]).decode()
        worse = ({**each, "role": REJECTED} for each in record["non_preferred_output"])
        messages = [*record["input"]["messages"], *record["preferred_output"], *worse]
        return _dump(messages).decode()


def complete_line(at: int | None, line: bytes, system: bytes) -> bytes:
    """Return the line of the training file; `system` is the `system_part`.

    Without a `TrainingLine`, which takes twice the time for many lines.
    """
    return line if at is None else line[:at] + system + line[at:]


def training_line(example: Example) -> TrainingLine:
    """Return the line of an example, without the dataset's system text."""
    line = _dump(_make_record(example, example.messages)) + b"\n"
    has_system = example.messages[0].role == "system"
    return TrainingLine(None if has_system else line.index(b"[") + 1, line)


def system_part(system: str) -> bytes:
    """Return the system message that `complete_line` inserts."""
    return _dump(Message("system", system).as_json()) + b","


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
