"""Lint: what a reviewer should look at, in one example and in all of a dataset.

`lint_example` looks at one example (its findings are kept with the blob), `lint_dataset` at all
of a dataset. Both only tell: neither rejects anything.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

from merlin.core.messages import Message
from merlin.dataset.example import Example, digest_text, normalise
from merlin.dataset.example_index import GOOD, ExampleIndex
from merlin.dataset.finding import Finding, Mark, Severity, escape_unprintable
from merlin.dataset.layout import EXAMPLES, example_path
from merlin.dataset.sensitive import find_sensitive
from merlin.dataset.spec import DatasetSpec

# Direction marks can make a reviewer read other words than a model learns (CVE-2021-42574).
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_UNSEEN = re.compile("[\u00ad\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]")

# A refusal stands at the beginning; most answers have none of these words there.
_REFUSAL_LENGTH = 240
_RUSSIAN_HINTS = (
    *("не могу", "не смогу", "не в с", "не способ", "не вправе", "модел", "интеллект", "нейросет"),
    *(" ии", "мои знания", "нет доступа", "нет собств", "нет личн", "не имею", "не облада"),
    *("рамки", "промолчу", "воздерж", "нибудь друг", "сменим тему", "не буду", "отказать"),
)
_ENGLISH_HINTS = (
    *("can't", "cant ", "cannot", "unable", "not able", "be able", "won't", "will not", "i must"),
    *("an ai", "model", "artificial", "cutoff", "my training", "programm", "as an assistant"),
    *("don't have", "do not have", "i have to", "sorry", "apolog", "rather not", "prefer not"),
    *("guidelines", "polic", "comfortable", "unethical", "authori", "prohibited", "equipped"),
    "safety rules",
)
_ACTS = (
    "помо|ответ|отвеч|предостав|выполн|обсужд|дать|дава|сказать|сдел|дела|созда|генерир|сгенерир"
    "|поддерж|раскры|провер|сообщ|расска|написа|писать|посовет|совет|вызвать|продолж|комментир"
)
_MODEL = "ai|artificial intelligence|language model|chatbot"
_DEEDS = (
    "help|assist|answer|provide|fulfil|comply|discuss|do (?:that|this|so)|complete|generate|create"
    "|give|offer|share|engage|browse|access|support|continue|verify|check|participate|respond"
)
_CANNOT = r"can'?t|cannot|can not|won't|will not|won't be able to|am (?:unable|not able) to"
_REFUSAL = re.compile(
    r"\bкак (?:\w+ ){0,2}(?:языковая модель|искусственный интеллект|нейросеть|ии)\b[\w-]*,"
    r"|\bбудучи (?:\w+ ){0,2}(?:нейросетью|языковой моделью|искусственным интеллектом|ии)\b"
    r"|\bя\W{1,3}(?:\w+ ){0,3}(?:языковая модель|нейросеть|искусственный интеллект|ии\b)"
    r"|\bгенеративные (?:языковые )?модели могут|\bмои знания (?:ограничен|заканчив|обновл)"
    r"|(?:^|\b(?:я|прости|простите|извини|извините|жаль|сожалению)\b\W{1,3}(?:\w+\W{1,2}){0,3}?)"
    rf"не (?:буду|могу|смогу|в состоянии|в силах|вправе|способ\w+) (?:\w+ ){{0,2}}(?:{_ACTS})"
    r"|(?:ответить|помочь) (?:\w+ )?не (?:могу|смогу)|\bза рамки (?:мо(?:их|ей)|безопасн)"
    r"|\b(?:лучше промолчу|воздержусь|сменим тему|поговорим о ч[её]м-нибудь друг)"
    r"|\b(?:я|но|поэтому) вынужден\w? отказать\b|^нет доступа к"
    r"|\bу меня нет (?:доступа|собственн|личн|своего)"
    r"|\bя не (?:имею|обладаю) (?:доступ|личн|собств)"
    rf"|\bas an? (?:\w+ ){{0,2}}(?:{_MODEL}|assistant)\b(?: \w+){{0,2}}(?:,| i\b)"
    rf"|\bi(?:'m| am) (?:\w+ )?an? (?:\w+ ){{0,2}}(?:{_MODEL})\b"
    rf"|\bi (?:\w+ )?(?:{_CANNOT}) (?:and will not )?(?:\w+ )?(?:{_DEEDS})"
    rf"|\bi'm (?:unable|not able) to (?:\w+ )?(?:{_DEEDS})"
    r"|\b(?:sorry|apologies|apologi[sz]e)\b.{0,30}"
    r"\b(?:can'?t|cannot|unable|not able|not something)\b"
    r"|\bi(?:'m| am) (?:not )?(?:programmed|authori[sz]ed|equipped|prohibited)\b"
    r"|\bi(?:'d| would) (?:rather|prefer) not\b|\bi would like to help\b"
    r"|\bi (?:must|have to) (?:\w+ )?(?:decline|reject|refuse|adhere)\b"
    r"|\bi (?:don't|do not) have (?:access to|real-time|personal|the ability|feelings|opinions)"
    r"|\bmy (?:knowledge|training)(?: data)? (?:cut-?off|ends|is limited|only goes)"
    r"|\bmy programming\b|\bmy (?:\w+ )?(?:guidelines|polic(?:y|ies)|safety rules)\b"
    r"|\bnot (?:feel )?comfortable \w+ing\b|\bunethical (?:for me|to)\b"
)
_FENCE = "```"
# Signs that an answer breaks off at, and letters, with which it ends where no sign closes it.
_BROKEN_OFF = ("…", "...", ":", ",", ";", "(", "«", " —", " –", " -")
_LIST_MARK = re.compile(r"\s*(?:\d{1,3}[.)]|[*•-])")
_TRANSLATES = re.compile(
    r"перев[её]д|перевод|по-(?:англ|рус)|на (?:англ|рус)|translat|in (?:english|russian)",
    re.IGNORECASE,
)
_ENOUGH = 20  # examples from which a habit of a dataset is seen
_ODD = 0.1  # a smaller share of examples is odd in a dataset
_MIN_WORDS = 5  # of an answer that is a sentence
_HABIT = 0.8  # share of examples that makes one
_TAGGED = 50  # examples whose tags and wordings are counted
_NAMED = 3  # names in a finding about many


def lint_example(example: Example) -> tuple[Finding, ...]:
    """Return what a reviewer should look at in one example; findings have no path yet."""
    findings: list[Finding] = []
    spoken = [*zip(example.messages, example.marks, strict=True)]
    if example.rejected is not None:  # in git and at the provider it is too
        spoken.append((example.rejected, example.rejected_mark))
    for message, mark in spoken:
        for rule, shown in find_sensitive(message.content):
            arguments = {"found": escape_unprintable(shown)}
            findings.append(Finding("", *mark, rule, Severity.WARNING, arguments))
        if _UNSEEN.search(message.content):
            findings += _unseen_letters(message.content, mark)
        if message is not example.rejected and is_learned(message):
            for rule, is_found in _OF_ANSWERS:
                if is_found(message.content):
                    findings.append(Finding("", *mark, rule, Severity.WARNING))
    return tuple(findings)


def _unseen_letters(text: str, mark: Mark) -> Iterator[Finding]:
    looks = (
        ("direction-mark", _DIRECTION, Severity.WARNING),
        ("invisible-letter", INVISIBLE, Severity.NOTE),
    )
    for rule, pattern, severity in looks:
        if found := pattern.search(text):
            arguments = {"found": f"U+{ord(found.group()):04X}"}
            yield Finding("", *mark, rule, severity, arguments)


def is_learned(message: Message) -> bool:
    """Return whether training teaches a message: an answer of weight 1."""
    is_answer = message.role == "assistant" and "tool_calls" not in message.extra
    return is_answer and message.extra.get("weight") != 0


def is_refusal(answer: str) -> bool:
    """Return whether an answer declines at its beginning, in Russian or English."""
    begin = answer[:_REFUSAL_LENGTH].casefold().replace("\u2019", "'").replace("\u00b4", "'")
    # What has none of these letters is not in that language.
    has_hint = ("о" in begin and any(hint in begin for hint in _RUSSIAN_HINTS)) or (
        "i" in begin and any(hint in begin for hint in _ENGLISH_HINTS)
    )
    return has_hint and _REFUSAL.search(begin) is not None


def _is_cut_off(answer: str) -> bool:
    """Tell whether code is left open, or the last sign is one that something follows."""
    words = answer.rstrip()
    is_open = words.count(_FENCE) % 2 == 1 or words.endswith(_BROKEN_OFF)
    return is_open or _LIST_MARK.fullmatch(words, words.rfind("\n") + 1) is not None


_OF_ANSWERS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("refusal", is_refusal),
    ("cut-off", _is_cut_off),
)


def describe_ending(answer: str) -> str:
    """Return how an answer ends: `open` in a letter, else `closed`; "" where it is too short."""
    if len(answer.split()) < _MIN_WORDS:
        return ""
    return "open" if answer.rstrip()[-1:].isalnum() else "closed"


def asks_translation(question: str) -> bool:
    """Return whether a question wants another language in its answer."""
    return _TRANSLATES.search(question) is not None


# Each reads a small index alone, where SQLite would choose to look at every example.
_OTHER_SYSTEMS = """
SELECT id, places FROM example INDEXED BY example_system
WHERE status = 'good' AND system <> x'' AND system <> ?
"""
_ENDINGS = """
SELECT count(*), coalesce(sum(ending = 'open'), 0) FROM example
WHERE status = 'good' AND ending <> ''
"""
_OPEN_ENDS = """
SELECT id, places FROM example WHERE status = 'good' AND ending = 'open' AND is_learned
"""
_LANGUAGES = """
SELECT asked, told, count(*) FROM example
WHERE status = 'good' AND asked <> '' AND told <> '' GROUP BY asked, told
"""
_OTHER_LANGUAGES = """
SELECT id, places FROM example
WHERE status = 'good' AND asked <> '' AND told <> '' AND asked <> told AND NOT translates
"""
_TAG_COUNTS = """
SELECT tags, count(*) FROM example INDEXED BY example_tags WHERE status = 'good' GROUP BY tags
"""
# Examples, their answers, and how many of these are taught once.
_ANSWER_COUNTS = """
SELECT coalesce(sum(times), 0), count(*), coalesce(sum(times = 1), 0) FROM (
  SELECT count(*) AS times FROM example INDEXED BY example_answer
  WHERE status = 'good' AND mark <> 'test' AND is_single GROUP BY answer
)
"""
_SINGLE_ANSWERS = """
SELECT min(id) AS first FROM example INDEXED BY example_answer
WHERE status = 'good' AND mark <> 'test' AND is_single
GROUP BY answer HAVING count(*) = 1 ORDER BY first LIMIT ?
"""


def lint_dataset(index: ExampleIndex, spec: DatasetSpec | None) -> Iterator[Finding]:
    """Yield what catches the eye when all good examples are seen together."""
    if spec:
        yield from _own_systems(index, spec)
    yield from _open_ends(index)
    yield from _other_languages(index)
    yield from _tags(index)
    yield from _single_wordings(index)


def _own_systems(index: ExampleIndex, spec: DatasetSpec) -> Iterator[Finding]:
    for example_id, places in index.rows(_OTHER_SYSTEMS, digest_text(normalise(spec.system))):
        mark = json.loads(places)[0]
        yield report(example_id, mark, "own-system", Severity.NOTE)


def _open_ends(index: ExampleIndex) -> Iterator[Finding]:
    """Tell of answers that end in a letter where nearly all of the dataset close theirs."""
    ((answered, open_ended),) = index.rows(_ENDINGS)
    if answered >= _ENOUGH and open_ended <= _ODD * answered:
        for example_id, places in index.rows(_OPEN_ENDS):
            yield report(example_id, json.loads(places)[-1], "cut-off")


def _other_languages(index: ExampleIndex) -> Iterator[Finding]:
    """Tell of answers in another language than their question, where that is no habit."""
    counts = {
        (question_language, answer_language): count
        for question_language, answer_language, count in index.rows(_LANGUAGES)
    }
    usual = max((counts[each] for each in counts if each[0] == each[1]), default=0)
    total = sum(counts.values())
    if total < _ENOUGH or usual < _HABIT * total:
        return
    for example_id, places in index.rows(_OTHER_LANGUAGES):
        yield report(example_id, json.loads(places)[-1], "other-language")


def _tags(index: ExampleIndex) -> Iterator[Finding]:
    """Tell of a tag that nearly all examples have, and of tags that one has alone."""
    examples = index.statuses().get(GOOD, 0)
    if examples < _TAGGED:
        return
    counts = Counter[str]()
    for tags, count in index.rows(_TAG_COUNTS):
        counts.update(dict.fromkeys(json.loads(tags), count))
    tag, count = max(sorted(counts.items()), key=itemgetter(1), default=("", 0))
    if count > _HABIT * examples:
        share = 100 * count // examples
        yield _about_all("one-sided-tags", {"tag": escape_unprintable(tag), "percent": share})
    yield from _about_many("single-tags", sorted(tag for tag in counts if counts[tag] == 1))


def _single_wordings(index: ExampleIndex) -> Iterator[Finding]:
    """Tell of answers that one question alone teaches, where they are more than a few."""
    ((examples, answers, alone),) = index.rows(_ANSWER_COUNTS)
    if examples >= _TAGGED and alone > _ODD * answers:
        names = [example_id for (example_id,) in index.rows(_SINGLE_ANSWERS, _NAMED)]
        yield from _about_many("single-wordings", names, alone)


def _about_many(rule: str, names: Sequence[str], count: int = 0) -> Iterator[Finding]:
    if names:
        shown = ", ".join(escape_unprintable(name) for name in names[:_NAMED])
        yield _about_all(rule, {"count": count or len(names), "names": shown})


def _about_all(rule: str, arguments: dict[str, str | int]) -> Finding:
    return Finding(EXAMPLES.rstrip("/"), 1, 1, rule, Severity.NOTE, arguments)


def report(
    example_id: str,
    mark: Mark,
    rule: str,
    severity: Severity = Severity.WARNING,
    **arguments: str | int,
) -> Finding:
    """Return what to tell of an example at a place in its file."""
    return Finding("", *mark, rule, severity, arguments).at(example_path(example_id))
