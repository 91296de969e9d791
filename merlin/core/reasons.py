"""The usual English messages of libraries, git and the operating system, as keys of texts.

`find_reason` leads to `reason-<key>` in Fluent: they reach people as arguments of texts. YAML
errors have a text of their own, `finding-yaml-syntax`. Other messages stay English.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml

_TABLES: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parent / "reasons.json").read_text(encoding="utf-8")
)
REASONS = _TABLES["libraries"]
# A part of git's message about a remote repository, or of ssh's; the first that fits counts.
GIT_REASONS = _TABLES["git"]
# How a call of a provider failed; technical details may follow after a colon.
PROVIDER_REASONS = _TABLES["providers"]
# Codes of the protocol with which a training fails; the provider's own words follow after a colon.
PROVIDER_CODES = _TABLES["provider_codes"]
_GIT_REMOTE = re.compile(r"(fetch|ls-remote|push): ")
# libyaml's message -> the selector of `finding-yaml-syntax`; other messages stay English.
_YAML_PROBLEMS = _TABLES["yaml"]
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def find_reason(words: str) -> tuple[str | None, str]:
    """Return the key of a usual message, None for another one, and its technical details."""
    if words in REASONS:
        return REASONS[words], ""
    if _GIT_REMOTE.match(words):
        return next((key for part, key in GIT_REASONS.items() if part in words), None), ""
    message, _, details = words.partition(": ")
    return PROVIDER_REASONS.get(message) or PROVIDER_CODES.get(message), details


def describe_yaml_error(error: yaml.YAMLError, content: str) -> tuple[int, int, str, str]:
    """Return where an error is in `content`: line and column, from 1; and what it is.

    That are the arguments `problem` and `words` of `finding-yaml-syntax`.
    """
    at_byte = getattr(error, "position", None)  # a ReaderError, of a character
    if at_byte is not None:
        before = content.encode()[:at_byte].decode(errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return line, column, "control", str(error)
    conflict = _CONFLICT.search(content)
    if conflict:
        return content.count("\n", 0, conflict.start()) + 1, 1, "conflict", str(error)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    words = getattr(error, "problem", None) or str(error)
    is_tag = words.startswith("could not determine a constructor")
    problem = "tag" if is_tag else _YAML_PROBLEMS.get(words, "other")
    lines = content.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    if problem == "start" and written[column - 1 : column] == "\t":
        problem = "tab"
    elif problem == "other" and written.startswith("%"):
        problem = "directive"
    return line, column, problem, words
