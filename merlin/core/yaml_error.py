"""What is wrong in a YAML file: where and why it is none, and the type that a value has."""

import re

import yaml

_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def describe_yaml_error(error: yaml.YAMLError, content: str) -> tuple[int, int, str]:
    """Return where an error is in `content`: line and column, from 1; and what it is.

    That is the argument `problem` of `finding-yaml-syntax`. A quote that is not closed is told
    where it opens: libyaml reports the end of the file.
    """
    conflict = _CONFLICT.search(content)
    if conflict:
        return content.count("\n", 0, conflict.start()) + 1, 1, "conflict"
    at_byte = getattr(error, "position", None)  # a ReaderError, of a character
    if at_byte is not None:
        before = content.encode()[:at_byte].decode(errors="replace")
        return before.count("\n") + 1, len(before) - before.rfind("\n"), "other"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return 1, 1, "other"
    problem = getattr(error, "problem", "")
    context = getattr(error, "context", None) or ""
    line = "".join(content.splitlines()[mark.line : mark.line + 1])
    name = "other"
    if "quoted scalar" in context and problem.endswith(
        ("of stream", "document indicator")
    ):
        mark = error.context_mark  # type: ignore[attr-defined]
        name = "quote"
    elif line[mark.column : mark.column + 1] == "\t":
        name = "tab"
    elif "block" in context and line[: mark.column].isspace():
        has_hash = any("#" in each for each in content.splitlines()[: mark.line])
        name = "hash" if has_hash else "indent"
    return mark.line + 1, mark.column + 1, name


_JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}


def json_type(value: object) -> str:
    """Return the JSON Schema name of a value's type; every number is "number"."""
    return _JSON_TYPES.get(type(value), "null")
