"""The usual English messages of libraries, git and the operating system, as keys of texts.

`find_reason` leads to `reason-<key>` in Fluent: they reach people as arguments of texts. YAML
errors have a text of their own, `finding-yaml-syntax`. Other messages stay English.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml

REASONS = {
    "No such file or directory": "no-file",
    "not UTF-8": "no-utf8",
    "Is a directory": "is-folder",
    "Not a directory": "no-folder",
    "Permission denied": "no-permission",
    "Operation not permitted": "no-permission",
    "No space left on device": "disk-full",
    "Disk quota exceeded": "disk-full",
    "database or disk is full": "disk-full",
    "Read-only file system": "read-only",
    "attempt to write a readonly database": "read-only",
    "File exists": "exists",
    "Too many levels of symbolic links": "loop",
    "File name too long": "long-name",
    "Input/output error": "disk-error",
    "disk I/O error": "disk-error",
    "Too many open files": "many-files",
    "Address already in use": "address-used",
    "Cannot assign requested address": "no-address",
    "Connection refused": "refused",
    "Expecting value": "json-value",
    "Expecting property name enclosed in double quotes": "json-key",
    "Expecting ',' delimiter": "json-comma",
    "Expecting ':' delimiter": "json-colon",
    "Extra data": "json-extra",
    "Unterminated string starting at": "json-string",
    "Invalid control character at": "json-control",
    "Invalid \\escape": "json-escape",
    "Invalid \\uXXXX escape": "json-escape",
    "Illegal trailing comma before end of object": "json-last-comma",
    "Illegal trailing comma before end of array": "json-last-comma",
    "too deep": "too-deep",
    "unexpected end of data": "csv-end",
    "text after a quote": "csv-quote",
    "no visible sheet has rows": "no-rows",
    "too many rows": "many-rows",
    "too much in it": "too-much",
    "damaged or unusual": "unusual",
    "File is not a zip file": "no-zip",
    "File contains no valid workbook part": "no-workbook",
}
# A part of git's message about a remote repository, or of ssh's; the first that fits counts.
GIT_REASONS = {
    "No space left on device": "disk-full",
    "Disk quota exceeded": "disk-full",
    "HOST IDENTIFICATION HAS CHANGED": "git-host-changed",
    "Host key verification failed": "git-host-key",
    'Load key "': "git-key-file",
    "Could not resolve host": "git-host",
    "Permission denied (": "git-auth",  # ssh
    "Authentication failed": "git-auth",
    "could not read Username": "git-auth",
    "could not read Password": "git-auth",
    "returned error: 401": "git-auth",
    "returned error: 403": "git-denied",
    "Permission denied": "git-denied",
    "insufficient permission": "git-denied",
    "Repository not found": "git-not-found",
    "' not found": "git-not-found",
    "could not be found or you don't have permission": "git-not-found",
    "returned error: 404": "git-not-found",
    "does not appear to be a git repository": "git-not-found",
    "certificate": "git-certificate",
    "returned error: 3": "git-moved",
    "returned error: 429": "git-limit",
    "returned error: 5": "git-server",
    "returned error: ": "git-no-server",
    "possible repository corruption": "git-incomplete",  # a partial clone too
    "not valid: is this a git repository": "git-no-server",
    "protocol error: ": "git-no-server",
    "Connection refused": "git-connection",
    "onnection timed out": "git-connection",
    "Connection reset": "git-connection",
    "Connection closed": "git-connection",
    "onnect to": "git-connection",
    "Network is unreachable": "git-connection",
    "No route to host": "git-connection",
    "Operation too slow": "git-connection",
    "hung up": "git-connection",
    "Empty reply from server": "git-connection",
    "transfer closed": "git-connection",
    "early EOF": "git-connection",
    "[rejected]": "git-raced",
    # The server gave no reason: nothing precedes git's own line.
    "ls-remote: fatal: Could not read from remote repository": "git-not-found",
}
# How a call of a provider failed; technical details may follow after a colon.
PROVIDER_REASONS = {
    "the provider cannot be reached": "provider-unreached",
    "the connection to the provider broke": "provider-broken",
    "the provider took too long": "provider-slow",
    "no answer in time": "provider-slow",
    "the provider's answer is unreadable": "provider-unreadable",
    "the call cannot be sent": "provider-unsent",
    "the answer ends in the middle": "provider-cut",
    "its answer was cut off": "provider-cut",
    "the answer does not end": "provider-endless",
    "the provider lists no model": "provider-no-model",
    "the model answered with nothing": "provider-nothing",
}
# Codes of the protocol with which a training fails; the provider's own words follow after a colon.
PROVIDER_CODES = {
    "invalid_training_file": "code-file",
    "invalid_n_examples": "code-examples",
    "invalid_hyperparameter": "code-setting",
    "insufficient_quota": "code-credit",
    "exceeded_quota": "code-credit",
    "model_not_found": "code-base",
    "model_not_available": "code-base",
    "out_of_memory": "code-memory",
    "disk_full": "code-disk",
    "disk_quota": "code-disk",
    "server_error": "code-fault",
}
_GIT_REMOTE = re.compile(r"(fetch|ls-remote|push): ")
# libyaml's message -> the selector of `finding-yaml-syntax`; other messages stay English.
_YAML_PROBLEMS = {
    "mapping values are not allowed in this context": "colon",
    "could not find expected ':'": "no-colon",
    "did not find expected key": "key",
    "did not find expected '-' indicator": "dash",
    "block sequence entries are not allowed in this context": "list",
    "did not find expected ',' or ']'": "bracket",
    "did not find expected ',' or '}'": "brace",
    "did not find expected node content": "end",
    "found unexpected end of stream": "end",
    "did not find expected <document start>": "document",
    "did not find expected alphabetic or numeric character": "start",
    "did not find expected comment or line break": "after-mark",
    "did not find expected whitespace or line break": "start",  # after "!"
    "found character that cannot start any token": "start",
    "found a tab character that violates indentation": "tab",
    "found a tab character where an indentation space is expected": "tab",
    "found unknown escape character": "escape",
    "found invalid Unicode character escape code": "unicode",
    "found unexpected ':'": "colon",
    "mapping keys are not allowed in this context": "start",
    "found unexpected document indicator": "end",
    "found an indentation indicator equal to 0": "after-mark",
    "found undefined tag handle": "tag",
    "did not find expected tag URI": "tag",
    "did not find the expected '>'": "tag",
    "did not find expected '!'": "tag",
}
_COMMENT = re.compile(r"(?:^|\s)#")
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
    above = next((each for each in reversed(lines[: line - 1]) if each.strip()), "")
    if problem in ("key", "no-colon") and _COMMENT.search(above):
        problem = "comment"
    elif problem == "start" and written[column - 1 : column] == "\t":
        problem = "tab"
    elif problem == "other" and written.startswith("%"):
        problem = "directive"
    return line, column, problem, words
