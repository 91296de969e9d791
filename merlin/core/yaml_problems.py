"""What is wrong with a text that is no YAML: libyaml's English message as arguments of a text."""

from __future__ import annotations

from typing import NamedTuple

import yaml

# libyaml's message -> the selector of `finding-yaml-syntax`; other messages stay English.
_PROBLEMS = {
    "mapping values are not allowed in this context": "colon",
    "could not find expected ':'": "no-colon",
    "did not find expected key": "key",
    "did not find expected '-' indicator": "dash",
    "block sequence entries are not allowed in this context": "list",
    "did not find expected ',' or ']'": "bracket",
    "did not find expected ',' or '}'": "brace",
    "did not find expected node content": "end",
    "found unexpected end of stream": "end",
    "did not find expected comment or line break": "after-mark",
    "found character that cannot start any token": "start",
    "found a tab character that violates indentation": "tab",
    "found a tab character where an indentation space is expected": "tab",
    "found unknown escape character": "escape",
    "found invalid Unicode character escape code": "unicode",
}


class YamlProblem(NamedTuple):
    """Where a YAML error is, from 1, and the arguments of `finding-yaml-syntax`."""

    line: int
    column: int
    problem: str
    words: str


def describe_yaml_error(error: yaml.YAMLError, content: str) -> YamlProblem:
    """Return where and what the error is in `content`."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    words = getattr(error, "problem", None) or str(error)
    problem = _PROBLEMS.get(words, "other")
    lines = content.splitlines() if problem == "start" else []
    if line <= len(lines) and lines[line - 1][column - 1 : column] == "\t":
        problem = "tab"
    return YamlProblem(line, column, problem, words)
