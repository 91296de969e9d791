"""Write an example as JSON: a record of OpenAI's chat format, or a line of a training file.

    {"messages": [{"role": "user", "content": "…"}, …]}
    {"input": {"messages": […], "tools": […]}, "preferred_output": […], "non_preferred_output": […]}
    {"messages": […], "label": false}

In a record the other keys of an example (`merlin.core.example_keys`), its id and its revision are
beside the messages: other programs ignore them, `merlin.dataset.import_records` reads them. A line
of a training file has the format of its method.

Source: OpenAI's guides "Supervised fine-tuning" and "Direct preference optimization".
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from merlin.core.example_keys import REVISION
from merlin.core.messages import REJECTED, Message
from merlin.dataset.example import Example, dump_compact
from merlin.dataset.example_file import example_json
from merlin.dataset.layout import RATED
from merlin.dataset.spec import KTO


def to_record(example: Example, system: str) -> dict[str, Any]:
    """Return an example as a record; the dataset's `system` comes first unless it has its own."""
    whole = replace(example, messages=example.with_system(system))
    return {
        "id": example.id,
        REVISION: example.blob,
        **example_json(whole),
    }


def training_line(example: Example, system: str, method: str = "") -> bytes:
    """Return the line of the training file, with its line end; `system` is the dataset's text.

    Of the method `kto` a line for each answer.
    """
    if method == KTO:
        records = _make_ratings(example, example.with_system(system))
        return "".join(f"{dump_compact(record)}\n" for record in records).encode()
    if example.rejected is None and not example.tools:
        return f'{{"messages":{_dump_conversation(example, system)}}}\n'.encode()
    return (
        f"{dump_compact(_make_record(example, example.with_system(system)))}\n".encode()
    )


def dump_messages(example: Example, system: str) -> str:
    """Return the training conversation as JSON; a worse answer is the last, with its own role."""
    conversation = _dump_conversation(example, system)
    worse = example.rejected
    if worse is None:
        return conversation
    return f"{conversation[:-1]},{dump_compact({**worse.as_json(), 'role': REJECTED})}]"


def _dump_conversation(example: Example, system: str) -> str:
    """Return `with_system` as JSON, of the messages' own JSON: an example kept needs no other."""
    if example.system_digest:
        return example.messages_json
    return f"[{_dump_system(system)},{example.messages_json[1:]}"


@lru_cache(maxsize=1)  # of a dataset the same text for each example
def _dump_system(system: str) -> str:
    return dump_compact(Message("system", system).as_json())


def _make_record(example: Example, conversation: Sequence[Message]) -> dict[str, Any]:
    """Return a line of a training file: a conversation with functions, or a pair of answers."""
    messages = [each.as_json() for each in conversation]
    tools = {"tools": list(example.tools)} if example.tools else {}
    if example.rejected is None:
        return {"messages": messages, **tools}
    return {
        "input": {"messages": messages[:-1], **tools},
        "preferred_output": messages[-1:],
        "non_preferred_output": [example.rejected.as_json()],
    }


def _make_ratings(
    example: Example, conversation: Sequence[Message]
) -> Iterator[dict[str, object]]:
    """Yield the good answer and the one under `rejected`; a rated answer is one of them.

    A line without `label` is an example, which is taught.
    """
    messages = [each.as_json() for each in conversation]
    is_bad = conversation[-1].role == "user"
    if not is_bad:
        yield {"messages": messages} | (
            {"label": True} if example.id.startswith(RATED) else {}
        )
    if example.rejected is not None:
        asked = messages if is_bad else messages[:-1]
        yield {"messages": [*asked, example.rejected.as_json()], "label": False}
