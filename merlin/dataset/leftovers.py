"""Find what other programs leave in texts: names of missing values, escapes, separators, places.

What stands in code is never reported, so that examples can be about it. A missing value, an
unfilled place of a template and the place of a picture are errors: nothing can be learned there.

Sources: OpenAI's legacy guide "Preparing your dataset" and its tool `prepare_data` (separators);
ISO/IEC 29500-1, 22.4.2.4 (escapes of Excel); the chat templates of LLaVA, Qwen-VL and DeepSeek.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from merlin.dataset.example import CODE
from merlin.dataset.finding import Severity, shorten

TextKind = Literal["question", "answer", ""]


class _Leftover(NamedTuple):
    """A rule; only texts of these kinds, all for "", that have one of the hints are searched."""

    rule: str
    severity: Severity
    kinds: tuple[TextKind, ...]
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


_ALL: tuple[TextKind, ...] = ("question", "answer", "")
_LEFTOVERS = (
    _Leftover(
        "missing-value",
        Severity.ERROR,
        ("question", "answer"),
        ("",),
        re.compile(
            r"\A\s*(?:(?i:[<(]?null[>)]?|nan|none|nil|n/a|nat|undefined|<na>|н/д|#(?:n/a|н/д|[\w/]{2,7}[!?])"
            r"|\[object object\])|NA|\\N|[-–—]{1,3}|~)\s*\Z"
        ),
    ),
    _Leftover(
        "missing-picture",
        Severity.ERROR,
        _ALL,
        ("<",),
        re.compile(
            r"(?i)<\|?image(?:[ :_-]?(?:pad|token|placeholder|\d+))?\|?>|<imagehere>"
            r"|<start_of_image>|<img>[^<\n]{1,200}</img>|\A\s*<(?:video|audio)>|<(?:video|audio)>\s*\Z"
        ),
    ),
    _Leftover(
        "unfilled-template",
        Severity.ERROR,
        _ALL,
        ("{{", "{%"),
        # LaTeX and workflows of GitHub write {{a}} after a letter, ^, _, } or $, C++ {{a, b}}.
        re.compile(
            r"(?<![\w^\\}$])\{\{[-#/$@]?\s*[^\W\d][^{},;\n]{0,60}\}\}|\{%-?\s*[a-z][^\n]{0,80}?%\}"
        ),
    ),
    _Leftover(
        "excel-escape", Severity.WARNING, _ALL, ("_x00",), re.compile(r"_x00[0-9A-Fa-f]{2}_")
    ),
    _Leftover(
        "legacy-separator",
        Severity.WARNING,
        ("question",),
        ("###", "===", "---", "->", ":"),
        re.compile(
            r"(?<![^\s.?!])(?:###|={3}>?|-{3}>?|->)\s*\Z"
            r"|\n\s*(?:###\s*)?(?:Response|Assistant|Answer|Output|A|Ответ|Ассистент):\s*\Z"
        ),
    ),
    _Leftover(
        "legacy-separator",
        Severity.WARNING,
        ("answer",),
        ("END", "EOS", "###", "***", "+++", "&&&", "$$$", "@@@", "%%%"),
        re.compile(
            r"(?<![^\s.?!])(?:END|[<\[](?:END|EOS)[>\]]|###|\*{3}|\+{3}|&&&|\${3}|@@@|%%%)\s*\Z"
        ),
    ),
    _Leftover(
        "escaped-line-end",
        Severity.WARNING,
        _ALL,
        ("\\n", "\\t", "\\u"),
        # At the end of a word or sentence; small letters after it are LaTeX or a path. What stands
        # between blanks or in quotes is talked about.
        re.compile(
            r"(?<=[\w.!?:;,…)»])(?<!\\[rt])(?:\\r)?\\[nt](?![a-z])|(?<=[.!?;…)])\\n(?=[a-z])"
            r"|(?:\\u[0-9a-fA-F]{4}){2}"
        ),
    ),
    _Leftover("replacement-character", Severity.WARNING, _ALL, ("\ufffd",), re.compile("\ufffd")),
    _Leftover(
        "reasoning",
        Severity.WARNING,
        ("answer",),
        ("<", "◁", "THINK]"),
        re.compile(
            r"(?i)</?(?:seed:)?(?:think|thinking|thought|reasoning|reflection|scratchpad)>|◁/?think▷|\[/?THINK\]"
        ),
    ),
)
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\s]{0,20}'|«[^»\n]*»|“[^”\n]*”")
_SHOWN = 30


def find_leftovers(text: str, kind: TextKind) -> Iterator[tuple[str, Severity, str]]:
    """Yield rule, severity and the first place of each leftover in a text."""
    for rule, severity, kinds, hints, pattern in _LEFTOVERS:
        if kind in kinds and any(hint in text for hint in hints) and pattern.search(text):
            plain = CODE.sub("`", text)
            plain = _QUOTED.sub('"', plain) if rule == "escaped-line-end" else plain
            if match := pattern.search(plain):
                yield rule, severity, shorten(match.group().strip(), _SHOWN)
