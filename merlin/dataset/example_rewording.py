"""The text of an example file with other words, tags, split mark or allowed rules."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from merlin.core.errors import Refused
from merlin.core.example_keys import KEYS
from merlin.dataset.example import Example
from merlin.dataset.example_file import parse_example, write_example, write_key
from merlin.dataset.layout import NameAllocator
from merlin.dataset.yaml_io import Node, read_yaml, split_lines


def reword_example(
    text: str | None,
    question: str | None = None,
    answer: str | None = None,
    tags: Sequence[str] | None = None,
    split: str | None = None,
) -> str:
    """Return the example's text with another first question, last answer, tags or split mark.

    None keeps a value. `split` is train or test, "" for no mark. The lines of unchanged messages
    stay as they are. Raises Refused if the example cannot be parsed: it can only be replaced
    completely.
    """
    example = _require_example(text)
    messages = list(example.messages)
    first = next(place for place, each in enumerate(messages) if each.role == "user")
    if question is not None:
        messages[first] = replace(messages[first], content=question)
    if answer is not None:
        messages[-1] = replace(messages[-1], content=answer)
    kept = example.tags if tags is None else tuple(tags)
    mark = example.split if split is None else split or None
    reworded = replace(example, messages=tuple(messages), tags=kept, split=mark)
    return _write_changed(text, example, reworded)


def _require_example(text: str | None) -> Example:
    example = parse_example(text)
    if example is None:
        raise Refused("the example is broken", "example-broken")
    return example


def _write_changed(text: str | None, example: Example, wanted: Example) -> str:
    """Return a file's text with other lines for the keys that differ.

    It is written anew if messages differ, or if it were not as wanted.
    """
    if wanted.messages != example.messages:
        return write_example(wanted)
    edited = text or ""
    for key in KEYS:
        if getattr(wanted, key.name) != getattr(example, key.name):
            edited = _set_key(edited, key.name, "\n".join(write_key(key, wanted)))
    return edited if parse_example(edited) == wanted else write_example(wanted)


def _set_key(text: str, key: str, written: str) -> str:
    """Return a file's text with this line for a key of its root, "" for none."""
    node = read_yaml(text.encode("utf-8", "surrogatepass"))
    keys = node.value if isinstance(node, Node) and isinstance(node.value, dict) else {}
    lines = split_lines(text.rstrip("\r\n"))
    first = len(lines)
    last = len(lines)
    if key in keys:
        first = keys[key].key[0] - 1
        last = min(
            (at for each in keys.values() if (at := each.key[0] - 1) > first),
            default=last,
        )
        while lines[last - 1].lstrip()[:1] in ("", "#"):  # comments on the next key
            last -= 1
    return "\n".join([*lines[:first], *filter(None, [written]), *lines[last:], ""])


def allow_rules(text: str | None, rules: Iterable[str], reason: str) -> str:
    """Return the example's text that allows what breaks these rules, for a reason.

    Raises Refused as `reword_example`.
    """
    example = _require_example(text)
    allow = dict(example.allow) | dict.fromkeys(sorted(rules), reason)
    allowing = replace(example, allow=tuple(allow.items()))
    return _write_changed(text, example, allowing)


def free_example_id(text: str | None, taken: Iterable[str]) -> str:
    """Return an unused id derived from an example's question; from `new` for a broken one."""
    example = parse_example(text)
    return NameAllocator(taken).allocate(example.question if example else "new")
