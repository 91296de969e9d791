"""What other programs leave in texts: one table of patterns.

What stands in code is text about these, and for most rows what stands in quotation marks too. What
is missing or was masked cannot be learnt, so it is an error.
"""

import re
from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from merlin.core.i18n import CODE
from merlin.core.messages import CONTROL_TOKEN
from merlin.core.thoughts import THOUGHT_MARK
from merlin.dataset.finding import Severity, shorten

# Of the user's messages the first is the question: a later one may be "None". System texts and
# results of tools are other.
TextKind = Literal["question", "turn", "answer", "other"]

_MAX_SHOWN = 30
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\s]{0,20}'|«[^»\n]*»|“[^”\n]*”")

_TAGS = (
    r"(?:p|div|span|br|b|i|u|s|strong|em|a|ul|ol|li|table|tbody|tr|t[dh]|h[1-6]|font|img|pre|code"
    r"|blockquote|su[bp])"
)
_ENTITIES = (
    r"(?:nbsp|quot|amp|lt|gt|apos|laquo|raquo|[mn]dash|hellip|[lr][sd]quo|bull|middot|copy|times"
    r"|deg|#\d{2,5}|#x[\da-fA-F]{2,5})"
)
# What `sensitive` writes for what it masks, in both languages; what Presidio and people write so.
_MASKED = (
    r"secret|password|e-?mail(?: address)?|(?:your )?address|(?:document|card) number|contact"
    r"|phone(?:[ _]number)?|(?:(?:first|last|full|user|your)[ _])?name|person|credit_card|redacted"
    r"|секрет|пароль|(?:эл(?:ектронная|\.) )?почта|адрес|контакт|имя|ф\.?и\.?о\.?|фамилия"
    r"|(?:номер )?телефона?|номер (?:документа|карты)|скрыто|удалено|персональные данные"
)
# [phone](tel:…) is a link, <name>…</name> XML.
_PLACE_OF_MASKED = re.compile(
    rf"(?i)\[(?:(?:{_MASKED})(?:[ _-]?\d+)?"
    r"|(?:insert|укажите|вставьте|your|ваш[аеи]?) [^\]\n]{2,40})\](?![(\[:])"
    rf"|<({_MASKED})(?:[ _-]?\d+)?>(?![\s\S]{{0,400}}?</\1>)"
)
# UTF-8 read as Windows-1251 and -1252: a letter of Cyrillic becomes two, the second of these.
_SECOND_1251 = re.escape(bytes(range(0x80, 0xC0)).decode("cp1251", "ignore"))
_SECOND_866 = bytes(range(0x80, 0xC0)).decode("cp866")
_SECOND_1252 = (
    re.escape(bytes(range(0x80, 0xC0)).decode("cp1252", "ignore")) + "\x80-\xbf"
)

_DIRECTION = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_INVISIBLE = "\u00ad\u200b\u2060\ufeff"


class Leftover(NamedTuple):
    """A row of the table: what is searched in which texts, and how it is reported.

    `kind` selects the words of the finding if the rule has several. Only a text with one of the
    `hints` is searched: most have none. `outside`: in what of a text nothing is searched.
    """

    rule: str
    kind: str
    severity: Severity
    texts: Collection[str]
    hints: Collection[str]
    outside: Collection[re.Pattern[str]]
    pattern: re.Pattern[str]


_SAID = ("question", "turn", "answer")
_ALL = (*_SAID, "other")
_LEFTOVERS = (
    # pandas, R, SQL's dumps, Excel's errors, JavaScript.
    Leftover(
        "missing-value",
        "",
        Severity.ERROR,
        ("question", "answer"),
        ("",),
        (CODE,),
        re.compile(
            r"\A\s*(?:(?i:[<(]?null[>)]?|nan|none|nil|n/a|nat|undefined|<na>|н/д|#(?:n/a|н/д|[\w/]{2,7}[!?])"
            r"|\[object object\])|NA|\\N|[-–—]{1,3}|~)\s*\Z"
        ),
    ),
    # Jinja, Handlebars. LaTeX and workflows of GitHub write {{a}} after a letter, ^, _, } or $, C++
    # {{a, b}}.
    Leftover(
        "unfilled-template",
        "",
        Severity.ERROR,
        _ALL,
        ("{{", "{%"),
        (CODE,),
        re.compile(
            r"(?<![\w^\\}$])\{\{[-#/$@]?\s*[^\W\d][^{},;\n]{0,60}\}\}|\{%-?\s*[a-z][^\n]{0,80}?%\}"
        ),
    ),
    # A masked phone went live as "[телефон]". Presidio writes <PHONE_NUMBER>, drafts of ChatGPT
    # [Your Name].
    Leftover(
        "masked-value",
        "",
        Severity.ERROR,
        ("answer",),
        ("[", "<"),
        (CODE,),
        _PLACE_OF_MASKED,
    ),
    # Questions of people come masked: they can be learnt, but better without.
    Leftover(
        "leftover",
        "masked",
        Severity.WARNING,
        ("question", "turn"),
        ("[", "<"),
        (CODE,),
        _PLACE_OF_MASKED,
    ),
    Leftover(
        "reasoning",
        "",
        Severity.WARNING,
        ("answer",),
        ("<", "◁", "[", "|"),
        (CODE,),
        THOUGHT_MARK,
    ),
    # Excel's escape of a carriage return. Source: ISO/IEC 29500-1, 22.4.2.4.
    Leftover(
        "leftover",
        "excel",
        Severity.WARNING,
        _ALL,
        ("_x00",),
        (CODE, _QUOTED),
        re.compile(r"_x00[0-9A-Fa-f]{2}_"),
    ),
    # JSON encoded twice. Small letters after it are LaTeX or a path.
    Leftover(
        "leftover",
        "escape",
        Severity.WARNING,
        _ALL,
        ("\\n", "\\t", "\\u"),
        (CODE, _QUOTED),
        re.compile(
            r"(?<=[\w.!?:;,…)»])(?<!\\[rt])(?:\\r)?\\[nt](?![a-z])|(?<=[.!?;…)])\\n(?=[a-z])"
            r"|(?:\\u[0-9a-fA-F]{4}){2}"
        ),
    ),
    # Source: OpenAI's legacy guide "Preparing your dataset" and its tool prepare_data.
    Leftover(
        "leftover",
        "separator",
        Severity.WARNING,
        ("question",),
        ("###", "===", "---", "->", ":"),
        (CODE, _QUOTED),
        re.compile(
            r"(?<![^\s.?!])(?:###|={3}>?|-{3}>?|->)\s*\Z"
            r"|\n[ \t]*(?:### ?)?(?:Response|Assistant|Answer|Output|A|Ответ|Ассистент):\s*\Z"
        ),
    ),
    Leftover(
        "leftover",
        "separator",
        Severity.WARNING,
        ("answer",),
        ("END", "EOS", "###", "***", "+++", "&&&", "$$$", "@@@", "%%%"),
        (CODE, _QUOTED),
        re.compile(
            r"(?<![^\s.?!])(?:END|[<\[](?:END|EOS)[>\]]|###|\*{3}|\+{3}|&&&|\${3}|@@@|%%%)\s*\Z"
        ),
    ),
    # Help desks export HTML. A tag that is only named, as "the tag <b>", is talked about.
    Leftover(
        "leftover",
        "html",
        Severity.WARNING,
        _SAID,
        ("<", "&"),
        (CODE, _QUOTED),
        re.compile(
            rf"(?i)<({_TAGS})(?:\s[^<>]*)?>(?=[^\s<]|\n|<{_TAGS}\b)[\s\S]{{0,400}}?</\1\s*>"
            rf"|<{_TAGS}\s+[a-z-]+\s?=[^<>]*>|\S<br\s*/?>|<br\s*/?>(?=\w)|^<{_TAGS}>(?=\w)"
            rf"|&{_ENTITIES};",
            re.MULTILINE,
        ),
    ),
    # Assistants with files; answers copied with sources; web search, between signs of private use
    # that vanish on the way (mmeyerlein/meclaw#569, lidge-jun/opencodex#3195).
    Leftover(
        "leftover",
        "citation",
        Severity.WARNING,
        _SAID,
        ("†", "oaicite", "oai_citation", "\ue200", "citeturn", "utm_source="),
        (CODE, _QUOTED),
        re.compile(
            r"【[^【】\n]{0,80}†[^【】\n]{0,80}】|:?contentReference\[oaicite:\d+\]|\[oai_citation:"
            r"|\ue200|(?:file)?citeturn\d+\w+|[?&]utm_source=(?:chatgpt\.com|openai)"
        ),
    ),
    # Transcripts. "User: admin" is no line of a talk, a sentence after the name is.
    Leftover(
        "leftover",
        "role",
        Severity.WARNING,
        _SAID,
        (":",),
        (CODE,),
        re.compile(
            r"(?im)\A(?:Q|A|AI|Bot|Бот) ?: ?\S"
            r"|^\W{0,4}(?:Assistant|ChatGPT|GPT|Human|Ассистент)\W{0,2}:\W{0,3}\w"
            r"|^\W{0,4}(?:User|Пользователь)\W{0,2}:\W{0,3}\w[^\n]*[.?!…]\s*$"
            r"|^(?:Client|Customer|Клиент|Студент|Покупатель)\s?:[^\n]*\n+"
            r"(?:Agent|Bot|Support|Бот|Оператор|Поддержка)\s?:"
        ),
    ),
    # UTF-8 read as Windows-1251, as -1252, as CP866; Windows-1251 read as -1252; dashes and quotes.
    Leftover(
        "leftover",
        "encoding",
        Severity.WARNING,
        _ALL,
        ("Р", "С", "Ð", "Ñ", "╨", "вЂ", "â€", *"åèîà"),
        (CODE,),
        re.compile(
            rf"(?:[РС][{_SECOND_1251}]){{3}}|(?:[ÐÑ][{_SECOND_1252}]){{3}}"
            rf"|(?:[╨╤][{_SECOND_866}]){{3}}"
            r"|[À-ÿ]{6}|вЂ[”“™¦˜ќ\u00a0]|â€[œ™¦\u009d”“]"
        ),
    ),
    # Moodle, Notion and Word keep pictures beside a text: @@PLUGINFILE@@/1.png, img/1.png.
    Leftover(
        "leftover",
        "address",
        Severity.WARNING,
        _SAID,
        ("](", "@@PLUGINFILE@@", ";base64,"),
        (CODE, _QUOTED),
        re.compile(
            r"\[[^\[\]\n]{0,200}\]\((?![a-zA-Z][a-zA-Z\d+.-]{0,20}:)[^()\s]{0,200}[./][^()\s]{0,200}"
            r"|@@PLUGINFILE@@|\bdata:[a-z]{1,20}/[\w.+-]{1,40};base64,"
        ),
    ),
    # Wikis and Obsidian. A matrix begins with a number, a test of a shell with a space.
    Leftover(
        "leftover",
        "wiki",
        Severity.WARNING,
        _SAID,
        ("[[",),
        (CODE, _QUOTED),
        re.compile(r"\[\[[^\W\d_][^\[\]\n]{0,80}\]\]"),
    ),
    # Bots, mailings and help desks. LaTeX writes \frac{name} after a letter, a set has commas.
    Leftover(
        "leftover",
        "placeholder",
        Severity.WARNING,
        _SAID,
        ("{", "%"),
        (CODE, _QUOTED),
        re.compile(
            r"(?<![\w\\^$}{])\{[^\W\d_]{2,20}(?:[_ ][^\W\d_]{1,20}){0,3}\}(?!\})"
            r"|%(?:[a-z]{1,20}_){1,3}[a-z]{1,20}%|%(?:name|имя)%"
        ),
    ),
    # Excel shows a long number so: 88005553535 became 8.80056E+10.
    Leftover(
        "leftover",
        "number",
        Severity.WARNING,
        _SAID,
        ("E+",),
        (CODE, _QUOTED),
        re.compile(r"(?<![\w.,])\d[.,]\d{1,6}E\+[01]\d\b"),
    ),
    # GSM8K: a calculator's notes, and the result after ####.
    Leftover(
        "leftover",
        "calculation",
        Severity.WARNING,
        ("answer",),
        ("<<", "####"),
        (CODE, _QUOTED),
        re.compile(
            r"<<[^<>\n]{1,60}=[^<>\n]{0,30}>>|^#### ?-?\d[\d.,]{0,20}\s*\Z",
            re.MULTILINE,
        ),
    ),
    # Recognised speech and subtitles. (18:00) is a time of day.
    Leftover(
        "leftover",
        "speech",
        Severity.WARNING,
        _SAID,
        ("<", "[", "(", "-->"),
        (CODE, _QUOTED),
        re.compile(
            r"(?i)[<\[](?:no[ _-]?(?:input|match|speech)|silence|inaudible|crosstalk|unk"
            r"|blank_audio|неразборчиво|тишина)[>\]]"
            r"|\d\d:\d\d:\d\d[.,]\d{3}|\d\d:\d\d(?:[.,]\d{3})? --> "
            r"|[<\[]\d{1,2}:\d\d(?::\d\d)?[>\]]|\(\d{1,2}:\d\d:\d\d\)"
        ),
    ),
    Leftover(
        "replacement-character",
        "",
        Severity.WARNING,
        _ALL,
        ("\ufffd",),
        (),
        re.compile("\ufffd"),
    ),
    # They can make a reviewer read other words than a model learns (CVE-2021-42574).
    Leftover(
        "direction-mark",
        "",
        Severity.WARNING,
        _ALL,
        _DIRECTION,
        (),
        re.compile(f"[{_DIRECTION}]"),
    ),
    Leftover(
        "invisible-letter",
        "",
        Severity.NOTE,
        _ALL,
        _INVISIBLE,
        (),
        re.compile(f"[{_INVISIBLE}]"),
    ),
    # Converted files.
    Leftover(
        "control-token", "", Severity.WARNING, _ALL, ("<", "["), (), CONTROL_TOKEN
    ),
)


def find_leftovers(text: str, kind: TextKind) -> Iterator[tuple[Leftover, str]]:
    """Yield the rows of the table that match, each with the first place in the text, shortened."""
    for row in _LEFTOVERS:
        has_hint = kind in row.texts and any(map(text.__contains__, row.hints))
        if not has_hint or not row.pattern.search(text):
            continue
        plain = text
        for pattern in row.outside:
            plain = pattern.sub(lambda found: "`" * len(found[0]), plain)
        if match := row.pattern.search(plain):
            found = text[match.start() : match.end()].strip()
            is_unseen = len(found) == 1 and not found.isprintable()
            yield (
                row,
                f"U+{ord(found):04X}" if is_unseen else shorten(found, _MAX_SHOWN),
            )
