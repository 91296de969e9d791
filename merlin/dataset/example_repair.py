"""What a broken example file still says, and its misspelt keys corrected."""

import re
from textwrap import dedent

from merlin.core.example_keys import KEYS
from merlin.dataset.example import split_tags
from merlin.dataset.example_file import read_example
from merlin.dataset.yaml_io import split_lines

# The key of a message (not the system's) with the sign of a text in lines; a key outside them.
_OUTSIDE = "|".join(key.name for key in KEYS if not key.is_required)
_TURN = re.compile(
    rf"^[ \t]*-[ \t]*(?!(?:system|{_OUTSIDE})\b)\w+[ \t]*:[ \t]*(?:[|>][-+]?(?=[ \t]*$))?",
    re.MULTILINE,
)
_NEXT_KEY = re.compile(rf"^(?:[ \t]*-[ \t]*(?:{_OUTSIDE})|\w+)[ \t]*:", re.MULTILINE)
_TAGS = re.compile(r"^[ \t]*(?:-[ \t]*)?tags[ \t]*:[ \t]*\[?([^\]\n#]*)", re.MULTILINE)


def recover_turn(text: str | None) -> tuple[str, str, list[str]]:
    """Return the first and the last text of the messages of a broken file, and its tags.

    "" for an unsure text.
    """
    tags = _TAGS.search(text or "")
    named = split_tags(re.sub("[\"']", "", tags[1])) if tags else []
    turns = _TURN.split(text or "")[1:]
    texts = [_recover_text(_NEXT_KEY.split(turn, 1)[0]) for turn in turns]
    return (texts[0], texts[-1], named) if len(texts) > 1 else ("", "", named)


def mend_keys(text: str | None) -> str:
    """Return a file's text with the keys that the check suggests instead of misspelt ones."""
    lines = split_lines(text or "")
    found = read_example((text or "").encode("utf-8", "surrogatepass"))[1]
    for each in sorted(found, key=lambda one: (one.line, one.column), reverse=True):
        if each.rule == "misspelt-key":
            line = lines[each.line - 1]
            start = each.column - 1
            name = str(each.arguments["name"])
            if line.startswith(name, start):
                rest = line[start + len(name) :]
                lines[each.line - 1] = f"{line[:start]}{each.arguments['near']}{rest}"
    return "\n".join(lines)


def _recover_text(written: str) -> str:
    """Return a text without the quotes around it, of which one may be missing."""
    quote = written[:1]
    if quote not in ("'", '"'):
        return dedent(written.strip("\n")).strip()
    said = written[1:].strip().removesuffix(quote)
    return "" if quote in said or "\\" in said else said
