"""Lint: what a reviewer should look at, in one example and in all of a dataset.

`lint_example` looks at one example (its findings are kept with the blob), `lint_dataset` at all
of a dataset. Both only tell: neither rejects anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from merlin.core.messages import Message
from merlin.dataset.example import Example, normalise
from merlin.dataset.finding import Finding, Mark, Severity, escape_unprintable
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.near_questions import find_near_questions
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
_LEAST_WORDS = 5  # of an answer that is a sentence
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
        if message is not example.rejected and _is_learned(message):
            for rule, is_found in _OF_ANSWERS:
                if is_found(message.content):
                    findings.append(Finding("", *mark, rule, Severity.WARNING))
    return tuple(findings)


def _unseen_letters(words: str, mark: Mark) -> Iterator[Finding]:
    looks = (
        ("direction-mark", _DIRECTION, Severity.WARNING),
        ("invisible-letter", INVISIBLE, Severity.NOTE),
    )
    for rule, pattern, severity in looks:
        if found := pattern.search(words):
            arguments = {"found": f"U+{ord(found.group()):04X}"}
            yield Finding("", *mark, rule, severity, arguments)


def _is_learned(message: Message) -> bool:
    is_answer = message.role == "assistant" and "tool_calls" not in message.extra
    return is_answer and message.extra.get("weight") != 0


def _refuses(answer: str) -> bool:
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
    ("refusal", _refuses),
    ("cut-off", _is_cut_off),
)


def lint_dataset(examples: Sequence[Example], spec: DatasetSpec | None) -> list[Finding]:
    """Return what catches the eye when all good examples are seen together."""
    questions = [example.facts.question for example in examples]
    return [
        *_contradictions(examples, questions),
        *_near_questions(examples, questions),
        *_case_twins(examples),
        *(_own_systems(examples, spec) if spec else ()),
        *_open_ends(examples),
        *_other_languages(examples),
        *_tags(examples),
        *_single_wordings(examples),
    ]


def _case_twins(examples: Sequence[Example]) -> Iterator[Finding]:
    first: dict[str, Example] = {}
    for example in examples:
        # One file system in three takes both names for the same.
        known = first.setdefault(example.id.casefold(), example)
        if known is not example:
            yield report_pair(example, "case-twin", known)


def _own_systems(examples: Sequence[Example], spec: DatasetSpec) -> Iterator[Finding]:
    usual = normalise(spec.system)
    for example in examples:
        begin = example.messages[0]
        if begin.role == "system" and normalise(begin.content) != usual:
            finding = Finding("", *example.marks[0], "own-system", Severity.NOTE)
            yield finding.at(example.path)


def _near_questions(examples: Sequence[Example], questions: Sequence[str]) -> Iterator[Finding]:
    """Tell of near-equal questions; a test one that is nearly taught measures memory."""
    for later, earlier in find_near_questions(questions):
        example, other = examples[later], examples[earlier]
        if (example.split == "test") == (other.split == "test"):
            yield report_pair(example, "near-duplicate", other)
        elif example.split == "test":
            yield report_pair(example, "near-leak", other)
        else:
            yield report_pair(other, "near-leak", example)


def _contradictions(examples: Sequence[Example], questions: Sequence[str]) -> Iterator[Finding]:
    """Tell of equal questions, under one system text, that have different answers."""
    first: dict[tuple[str, str], Example] = {}
    asked = sorted(zip(examples, questions, strict=True), key=lambda each: each[0].path)
    for example, question in asked:
        begin = example.messages[0]
        own_system = begin.content if begin.role == "system" else ""
        known = first.setdefault((own_system, question), example)
        if known is example:
            continue
        if known.facts.answer != example.facts.answer:
            yield report_pair(example, "contradiction", known)


def _open_ends(examples: Sequence[Example]) -> Iterator[Finding]:
    """Tell of answers that end in a letter where nearly all of the dataset close theirs."""
    told = [example for example in examples if len(example.answer.split()) >= _LEAST_WORDS]
    open_ended = [example for example in told if example.answer.rstrip()[-1:].isalnum()]
    if len(told) >= _ENOUGH and len(open_ended) <= _ODD * len(told):
        for example in open_ended:
            if _is_learned(example.messages[-1]):
                finding = Finding("", *example.marks[-1], "cut-off", Severity.WARNING)
                yield finding.at(example.path)


def _other_languages(examples: Sequence[Example]) -> Iterator[Finding]:
    """Tell of answers in another language than their question, where that is no habit."""
    pairs = [each.facts.languages for each in examples]
    known = [(asked, told) for asked, told in pairs if asked and told]
    usual = Counter(asked for asked, told in known if asked == told).most_common(1)
    if len(known) < _ENOUGH or not usual or usual[0][1] < _HABIT * len(known):
        return
    for example, (asked, told) in zip(examples, pairs, strict=True):
        if asked and told and asked != told and not _TRANSLATES.search(example.question):
            finding = Finding("", *example.marks[-1], "other-language", Severity.WARNING)
            yield finding.at(example.path)


def _tags(examples: Sequence[Example]) -> Iterator[Finding]:
    """Tell of a tag that nearly all examples have, and of tags that one has alone."""
    if len(examples) < _TAGGED:
        return
    counts = Counter(tag for example in examples for tag in set(example.tags))
    for tag, count in counts.most_common(1):
        if count > _HABIT * len(examples):
            share = 100 * count // len(examples)
            yield _about_all("one-sided-tags", {"tag": escape_unprintable(tag), "percent": share})
    yield from _about_many("single-tags", sorted(tag for tag in counts if counts[tag] == 1))


def _single_wordings(examples: Sequence[Example]) -> Iterator[Finding]:
    """Tell of answers that one question alone teaches, where they are more than a few."""
    taught = [each for each in examples if each.split != "test" and len(each.messages) <= 3]  # noqa: PLR2004
    if len(taught) < _TAGGED:
        return
    answers = [each.facts.answer for each in taught]
    counts = Counter(answers)
    pairs = zip(taught, answers, strict=True)
    alone = [example.id for example, answer in pairs if counts[answer] == 1]
    if len(alone) > _ODD * len(counts):
        yield from _about_many("single-wordings", alone)


def _about_many(rule: str, names: Sequence[str]) -> Iterator[Finding]:
    if names:
        shown = ", ".join(escape_unprintable(name) for name in names[:_NAMED])
        yield _about_all(rule, {"count": len(names), "names": shown})


def _about_all(rule: str, arguments: dict[str, str | int]) -> Finding:
    return Finding(EXAMPLES.rstrip("/"), 1, 1, rule, Severity.NOTE, arguments)


def report_pair(
    example: Example, rule: str, other: Example, severity: Severity = Severity.WARNING
) -> Finding:
    """Return what to tell of `example`, at its question, that concerns `other` too."""
    arguments = {"other": escape_unprintable(other.path)}
    return Finding("", *example.question_mark, rule, severity, arguments).at(example.path)
