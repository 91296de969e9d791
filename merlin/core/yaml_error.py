"""Where a file is no YAML, for the text `finding-yaml-syntax`."""

import re

import yaml

_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def describe_yaml_error(error: yaml.YAMLError, content: str) -> tuple[int, int, str, str]:
    """Return where an error is in `content`: line and column, from 1; and what it is.

    That are the arguments `problem` and `words` of `finding-yaml-syntax`.
    """
    conflict = _CONFLICT.search(content)
    if conflict:
        return content.count("\n", 0, conflict.start()) + 1, 1, "conflict", str(error)
    at_byte = getattr(error, "position", None)  # a ReaderError, of a character
    if at_byte is not None:
        before = content.encode()[:at_byte].decode(errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return line, column, "other", str(error).partition("\n")[0]
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return line, column, "other", getattr(error, "problem", None) or str(error)
