"""Read a record of another program as one of OpenAI's: messages, tools, other parts of an example.

    messages, conversations, contents   a list of turns: OpenAI, ShareGPT, Gemini
    a question and its answer           by the names of `merlin.core.table_cells`: Alpaca, tables;
                                        each may be a list of turns too: TRL, Yandex
    chosen, rejected                    two conversations that differ in the last answer: TRL
    input, preferred_output, …          OpenAI's pairs
    text                                a transcript: ### Human: …### Assistant: …

A turn has its role and content under any of the usual names, its content may be a list of parts
with text, and the arguments of a tool's call may be an object. What an example has no place for is
left out and named; [] stands for the number of a list's item: `messages[].refusal`.

Source: OpenAI's guides "Supervised fine-tuning" and "Direct preference optimization"; TRL, "Dataset
formats and types"; LLaMA-Factory, data/README.md; FastChat, data_cleaning.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from merlin.core.table_cells import find_columns
from merlin.dataset.finding import shorten
from merlin.dataset.spec import Step, json_type

_LISTS = ("messages", "contents", "conversations", "conversation", "dialogue", "dialog")
_ROLE_KEYS = ("role", "from", "speaker", "author", "type")
_CONTENT_KEYS = ("content", "value", "text", "parts")
_CALL_ROLES = ("function_call", "tool_call")
_ROLES = {
    **dict.fromkeys(("system", "developer", "система"), "system"),
    **dict.fromkeys(("user", "human", "prompter", "instruction", "пользователь"), "user"),
    **dict.fromkeys(("customer", "client", "клиент"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot", "chatbot", "ai"), "assistant"),
    **dict.fromkeys(
        ("bing", "bard", "response", "agent", "ассистент", "бот", *_CALL_ROLES), "assistant"
    ),
    **dict.fromkeys(("tool", "observation", "function", "tool_response"), "tool"),
}
_MESSAGE_KEYS = ("name", "weight", "tool_call_id")
_MEDIA = ("image", "images", "audio", "audios", "video", "videos")
_BESIDE = ("tags", "split", "source", "note")
_SPEAKER = re.compile(
    r"(?:###\s*|\n\n|\A\s*)(System|Human|User|Instruction|Assistant|Response|GPT):"
)
_NUMBER = re.compile(r"\[\d+\]")
_PAIR = 2


class UnreadableRecord(Exception):
    """A record that cannot become an example: the rule it breaks, and the path inside it."""

    def __init__(self, rule: str, inside: str = "", **arguments: str | int) -> None:
        super().__init__(rule)
        self.rule, self.inside, self.arguments = rule, inside, arguments


class Record(NamedTuple):
    """A record in OpenAI's form, what was left out of it, and where each message stood.

    `places` are pairs: the path of a message's turn, and the key of its content in it.
    """

    values: dict[str, Any]
    left: tuple[str, ...]
    places: tuple[tuple[str, str], ...]


def split_wordings(value: Any) -> list[Any]:
    """Return a record for each wording of its question, if that is a list of texts."""
    names = [*value] if isinstance(value, dict) else []
    found = find_columns(names)
    if not {"question", "answer"} <= found.keys():
        return [value]
    key = names[found["question"]]
    match value[key]:
        case [str(), *_] as wordings:
            return [{**value, key: wording} for wording in wordings]
        case _:
            return [value]


def to_openai(value: Mapping[str, Any]) -> Record:
    """Return a record in OpenAI's form; its own form is detected by its keys.

    Other invalid values stay as they are: the schema reports them. Raises UnreadableRecord.
    """
    reader = _Reader(value)
    reader.read()
    values: dict[str, Any] = {"messages": reader.messages}
    if (worse := reader.read_worse()) is not None:
        values["rejected"] = worse
    if tools := reader.read_tools():
        values["tools"] = tools
    for part in _BESIDE:
        _, found = reader.take(part)
        if found not in (None, "", []):
            values[part] = found
    left = [key for key, each in value.items() if key not in reader.used and each is not None]
    return Record(values, (*dict.fromkeys([*left, *reader.left]),), (*reader.places,))


def join_path(steps: Iterable[Step]) -> str:
    """Return a path as JSON's: `messages[1].content`."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return "".join(parts).removeprefix(".")


def find_place(steps: Sequence[Step], places: Sequence[tuple[str, str]]) -> str:
    """Return the path in a record of a part of its example; `places` are those of the record."""
    match steps:
        case ("messages", int(number), *rest) if number < len(places):
            turn, content = places[number]
            if not rest:
                return turn or content
            is_content = rest[0] in ("content", "system", "user", "assistant")
            return join_path([turn, *([content] if is_content else rest)]).removeprefix(".")
        case _:
            return join_path(steps)


class _Reader:
    """Reads the parts of one record; `used` are the keys that were read."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        names = [*value]
        self._value = value
        self._keys = {part: names[place] for part, place in find_columns(names).items()}
        self._unanswered: list[str] = []
        self._is_transcript = False
        self.messages: list[dict[str, Any]] = []
        self.places: list[tuple[str, str]] = []
        self.used: set[str] = set()
        self.left: list[str] = []

    def take(self, part: str) -> tuple[str, Any]:
        """Return the key and the value of a part by any of its names; None for a missing one."""
        key = self._keys.get(part, part)
        self.used.add(key)
        return key, self._value.get(key)

    def read(self) -> None:
        """Read the conversation. Raises UnreadableRecord."""
        _refuse_media(self._value, "")
        if self._value.get("label") is False:
            raise UnreadableRecord("import-bad-answer", "label")
        turns = next((name for name in _LISTS if name in self._value), "")
        key, system = self.take("system")
        if system:
            self._add({"role": "system", "content": system}, "", key)
        if "preferred_output" in self._value:
            self._read_preference()
        elif turns:
            self._add_turns(*self.take(turns))
            if isinstance(self._value.get("chosen"), dict):
                self._add_turn(self.take("chosen")[1], "chosen")
        elif {"question", "answer"} <= self._keys.keys():
            self._read_pair()
        elif self._add_whole("answer") or self._add_whole("text"):
            pass
        elif "rasa_nlu_data" in self._value:
            raise UnreadableRecord("import-kind", kind="rasa")
        else:
            raise UnreadableRecord("import-keys", found=shorten(", ".join(self._value)) or "–")

    def _read_preference(self) -> None:
        _, prompt = self.take("input")
        if isinstance(prompt, dict):
            self._leave(prompt, "input", ("messages", "tools"))
            prompt = prompt.get("messages")
        self._add_turns("input.messages", prompt)
        self._add_turns(*self.take("preferred_output"))

    def _read_pair(self) -> None:
        key, answer = self.take("answer")
        answer = self._first(key, answer)
        match answer:
            case [{"role": "system" | "user"}, *_]:
                # The whole conversation: a prompt beside it repeats its beginning.
                self._add_turns(key, answer)
                key, question = self.take("question")
                contents = [message.get("content") for message in self.messages]
                if not isinstance(question, list) and question not in contents:
                    self.left.append(key)
            case _:
                self._read_history()
                self._read_question()
                if isinstance(answer, list):
                    self._add_turns(key, answer)
                else:
                    self._add({"role": "assistant", "content": answer}, "", key)

    def _add_whole(self, part: str) -> bool:
        """Add a conversation that is a list of turns or a transcript; return whether it is one."""
        key = self._keys.get(part, part)
        match self._value.get(key):
            case [dict(), *_] as turns:
                self._add_turns(key, turns)
            case str(text) if spoken := _split_transcript(text):
                self._is_transcript = True
                for role, words in spoken:
                    self._add({"role": role, "content": words}, "", key)
            case _:
                return False
        self.used.add(key)
        return True

    def _read_history(self) -> None:
        history = self.take("history")[1] or []
        if not isinstance(history, list):
            raise _wrong_type("history", "array", history)
        for number, pair in enumerate(history):
            if not (isinstance(pair, list) and len(pair) == _PAIR):
                raise _wrong_type(f"history[{number}]", "array", pair)
            for place, (role, text) in enumerate(zip(("user", "assistant"), pair, strict=True)):
                self._add({"role": role, "content": text}, "", f"history[{number}][{place}]")

    def _read_question(self) -> None:
        key, question = self.take("question")
        if isinstance(question, list):
            self._add_turns(key, question)
            return
        _, context = self.take("context")
        if context not in (None, ""):
            question = [each for each in (question, context) if each not in (None, "")]
        self._add({"role": "user", "content": question}, "", key)

    def _first(self, key: str, value: Any) -> Any:
        """Return the first of several answers, whose others are left out; turns as they are."""
        match value:
            case {"text": list(texts)}:  # SQuAD's answers
                return self._first(key, texts)
            case [dict(), *_]:
                return value
            case [first, *others]:
                self.left += [f"{key}[1…]"] if others else []
                return first
            case []:
                return ""
            case _:
                return value

    def _add_turns(self, place: str, turns: Any) -> None:
        if not isinstance(turns, list):
            raise _wrong_type(place, "array", turns)
        for number, turn in enumerate(turns):
            self._add_turn(turn, f"{place}[{number}]")

    def _add_turn(self, turn: Any, place: str) -> None:
        if not isinstance(turn, dict):
            raise _wrong_type(place, "object", turn)
        _refuse_media(turn, f"{place}.")
        role_key = next((key for key in _ROLE_KEYS if key in turn), "")
        speakers = [] if role_key else [key for key in turn if key.casefold() in _ROLES]
        for key in speakers:
            self._add({"role": key, "content": turn[key]}, place, key)
        if speakers:
            self._leave(turn, place, speakers)
        elif role_key:
            content_key = next((key for key in _CONTENT_KEYS if key in turn), "content")
            message = {"role": turn[role_key], "calls": turn.get("tool_calls")}
            message |= {key: turn[key] for key in _MESSAGE_KEYS if turn.get(key) is not None}
            if content_key in turn:
                message["content"] = turn[content_key]
            if turn.get("function_call"):  # OpenAI's, before there were tools
                message["calls"] = [turn["function_call"]]
            calls = [key for key in ("tool_calls", "function_call") if turn.get(key)]
            self._leave(turn, place, (role_key, content_key, *_MESSAGE_KEYS, *calls))
            self._add(message, place, content_key)
        else:
            raise UnreadableRecord("missing-key", place, name="role")

    def _add(self, message: dict[str, Any], place: str, content_key: str) -> None:
        """Add a message; `calls` are those of tools. The role and the content are read."""
        role, path = message["role"], join_path([place, content_key]).removeprefix(".")
        calls = message.pop("calls", None)
        if isinstance(role, str):
            message["role"] = _ROLES.get(role.strip().casefold(), role)
            if role.casefold() in _CALL_ROLES:
                calls = message.pop("content", None)
                calls = _load(path, calls) if isinstance(calls, str) else calls
        if isinstance(message.get("weight"), float) and message["weight"].is_integer():
            message["weight"] = int(message["weight"])
        if calls:
            calls = calls if isinstance(calls, list) else [calls]
            message["tool_calls"] = [self._read_call(*each, place) for each in enumerate(calls)]
            ids = [call.get("id") for call in message["tool_calls"] if isinstance(call, dict)]
            self._unanswered = [str(each) for each in ids]
        if calls and message.get("content") is None:
            message.pop("content", None)
        elif "content" in message:
            message["content"] = _read_content(message["content"], path, message["role"])
        if message["role"] == "tool" and self._unanswered:
            message.setdefault("tool_call_id", self._unanswered.pop(0))
        self.messages.append(message)
        self.places.append((place, content_key))

    def _read_call(self, number: int, call: Any, place: str) -> Any:
        """Return a call in OpenAI's form; others write its function alone, or no id."""
        path = f"{place}.tool_calls[{number}]"
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or "name" not in function:
            return call
        if function is not call:
            self._leave(call, path, ("id", "type", "function"))
        self._leave(function, path, ("id", "type", "name", "arguments"))
        read = {key: function[key] for key in ("name", "arguments") if key in function}
        if isinstance(read.get("arguments"), dict):
            read["arguments"] = json.dumps(read["arguments"], ensure_ascii=False)
        made = f"call_{len(self.messages)}_{number}"
        return {"id": call.get("id") or made, "type": "function", "function": read}

    def read_worse(self) -> Any:
        """Return the worse answer, None without one. Raises UnreadableRecord."""
        name = "non_preferred_output" if "preferred_output" in self.used else "rejected"
        key, worse = self.take(name)
        if isinstance(worse, str) and not self._is_transcript:
            return worse
        other = _Reader({key: [worse] if isinstance(worse, dict) else worse})
        if not other._add_whole(key):
            return worse
        self.left += other.left
        if other.messages[:-1] not in ([], self.messages[:-1]):
            raise UnreadableRecord("import-rejected", key)
        other.messages[-1].pop("weight", None)
        return other.messages[-1]

    def read_tools(self) -> Any:
        """Return the tools in OpenAI's form; others write a text, or a function alone."""
        prompt = self._value.get("input") if "preferred_output" in self.used else None
        holder = prompt if isinstance(prompt, dict) else self._value
        key = "functions" if "functions" in holder else "tools"
        self.used.add(key)
        tools = holder.get(key)
        if isinstance(tools, str):
            tools = _load(key, tools or "null")
        return [self._read_tool(each) for each in tools] if isinstance(tools, list) else tools

    def _read_tool(self, tool: Any) -> Any:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or "name" not in function:
            return tool
        known = ("name", "description", "strict", "parameters")
        self._leave(function, "tools[].function", ("type", *known))
        kept = {key: function[key] for key in known if function.get(key) is not None}
        return {"type": "function", "function": kept}

    def _leave(self, value: Mapping[str, Any], place: str, known: Iterable[str]) -> None:
        """Note the keys of a map that an example has no place for; null is nothing."""
        names = [key for key, each in value.items() if key not in known and each is not None]
        self.left += [_NUMBER.sub("[]", f"{place}.{key}") for key in names]


def _refuse_media(value: Mapping[str, Any], place: str) -> None:
    for key in _MEDIA:
        if value.get(key):
            raise UnreadableRecord("import-part", f"{place}{key}", kind=key)


def _wrong_type(place: str, expected: str, found: object) -> UnreadableRecord:
    return UnreadableRecord("wrong-type", place, expected=expected, found=json_type(found))


def _read_content(content: Any, path: str, role: object) -> Any:
    if content is None:
        return ""
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        content, path = content["parts"], f"{path}.parts"
    if isinstance(content, list):
        return _join_parts(content, path)
    is_result = role == "tool" and isinstance(content, dict)
    return json.dumps(content, ensure_ascii=False) if is_result else content


def _join_parts(parts: Sequence[Any], path: str) -> str:
    """Return the texts of the parts, joined by newlines as in the engine."""
    texts = list[str]()
    for number, part in enumerate(parts):
        match part:
            case str(text) | {"text": str(text)}:
                texts.append(text)
            case {"type": str(kind)} if kind != "text":
                raise UnreadableRecord("import-part", f"{path}[{number}]", kind=shorten(kind))
            case _:
                raise _wrong_type(f"{path}[{number}]", "string", part)
    return "\n".join(texts)


def _split_transcript(text: str) -> list[tuple[str, str]]:
    """Return the roles and contents of a text such as `### Human: …### Assistant: …`."""
    _, *spoken = _SPEAKER.split(text)
    return [(role, words.strip()) for role, words in zip(spoken[::2], spoken[1::2], strict=True)]


def _load(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnreadableRecord("import-json", place, words=shorten(str(error))) from error
