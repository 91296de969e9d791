"""What the fields of an imported file mean: what a person has said, and what is still to be asked.

A field that is no part of an example is left out without a question only if its name or its values
are plainly harmless: an id, an address, a date. One with few values may say which answers count,
and one with many may be the right answer: a person says what it is.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from merlin.core.table_cells import find_columns, plain_name

# More different values than this are no yes or no, no state and no mark of one to ten.
FEW = 12
MAX_DEPTH = 5
# Of one record: what a conversation has beside its messages is much less.
MAX_FIELDS = 200

# The last word of a harmless name, in English and Russian.
_HARMLESS = re.compile(
    r"ids?|u?uid|guid|urls?|uri|links?|href|address|date|time|datetime|timestamp|at|source"
    r"|index|idx|no|number|num|row|line|page|sha|hash|digest|created|updated|modified"
    r"|lang|language|locale|язык"
    r"|ид|адрес|время|дата|источник|индекс|номер|№|ссылка|строка|страница"
    r"|создано|изменено|обновлено"
)
_NAME_PARTS = re.compile(r"[^\W\d_]+|№")
_DATE = r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}\S*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}(?: \d.*)?"
_HARMLESS_VALUE = re.compile(
    r"(?i)https?://\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    rf"|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|[0-9a-f]{{16,128}}|{_DATE}"
)
# What says of an answer that it is bad, as a value or in a name: only proposed, never as known.
_BAD = re.compile(
    r"false|0|-\d|no|n|bad|wrong|incorrect|rejected|down|dislike|negative|undesirable|draft"
    r"|archived?|deleted|hidden|disabled|inactive|spam|toxic|flagged|outdated|impossible|dislikes"
    r"|drafts|trash|unpublished|deprecated|obsolete|old"
    r"|нет|ложь|неверно|плохо|черновики?|архив|удалено|скрыто|отклонено|устарело|👎"
)
# Keys of known programs that mean nothing: of OpenAI, Kiln, Bedrock, SQuAD.
_KNOWN = frozenset(
    {"parallel_tool_calls", "model_type", "v", "schemaVersion", "answer_start"}
)

# What a map says of a collection within it.
COLLECTION = re.compile(r"title|name|description|version|название|описание|версия")

FieldValues = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FieldChoices:
    """What a person has said of the fields of a file.

    `parts`: part of an example -> the field that has it. `only`: a field -> the values whose
    records are taken. `leave`: fields that are left out. Names are compared as those of columns.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leave: tuple[str, ...] = ()

    def takes(self, values: FieldValues) -> bool:
        """Return whether a record with these fields is taken; one without a field is not."""
        known = {plain_name(name): plain_value(value) for name, value in values}
        return all(
            known.get(plain_name(name), "") in map(plain_value, taken)
            for name, taken in self.only.items()
        )

    def has(self, name: str) -> bool:
        """Return whether something was said of a field."""
        plain = plain_name(name)
        return any(
            plain_name(each) == plain
            for each in (*self.only, *self.leave, *self.parts.values())
        )


NO_CHOICES = FieldChoices()


class FieldQuestion(NamedTuple):
    """A field of which nobody has said what it means; `file` is the first that has it.

    `values` are its most frequent ones, each with its number of records, first "" if some have
    none; `kind`: it has few of them, or many.
    """

    file: str
    name: str
    values: tuple[tuple[str, int], ...]
    kind: Literal["few", "many"]

    @property
    def proposed(self) -> tuple[str, ...]:
        """Return the values that don't say of an answer that it is bad; () if none does.

        "Hidden: no" is good.
        """
        values = [value for value, _ in self.values]
        bad = [value for value in values if is_bad(self.name, value)]
        return tuple(each for each in values if each not in bad) if any(bad) else ()


def plain_value(value: str) -> str:
    """Return a value as it is compared: in small letters, 1.0 as 1."""
    return value.strip().casefold().removesuffix(".0")


def find_parts(names: Sequence[str], choices: FieldChoices) -> dict[str, int]:
    """Return part of an example -> place of its field among names, those that were chosen first."""
    plain = [plain_name(name) for name in names]
    chosen = {
        part: plain.index(plain_name(name))
        for part, name in choices.parts.items()
        if plain_name(name) in plain
    }
    others = {
        part: place
        for part, place in find_columns(names).items()
        if part not in chosen and place not in chosen.values()
    }
    return {**others, **chosen}


def list_fields(
    value: Any, path: str = "", depth: int = 0
) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each value within maps and lists; none for empty ones.

    What is nested deeper than MAX_DEPTH is one value.
    """
    if value in (None, "", [], {}):
        return
    if isinstance(value, dict | list) and depth > MAX_DEPTH:
        yield path, "…"
    elif isinstance(value, dict):
        for key, inner in value.items():
            name = f"{path}.{key}" if path else str(key)
            yield from list_fields(inner, name, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            is_map = isinstance(inner, dict | list)
            yield from list_fields(inner, f"{path}[]" if is_map else path, depth + 1)
    else:
        yield path, value if isinstance(value, str) else str(value).lower()


def join_fields(values: Iterable[tuple[str, str]]) -> FieldValues:
    """Return each field once, the values of a repeated one joined by commas."""
    joined: dict[str, str] = {}
    for name, value in values:
        if len(joined) >= MAX_FIELDS and name not in joined:
            break
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return tuple(joined.items())


def list_questions(
    records: Iterable[tuple[str, FieldValues]], choices: FieldChoices
) -> Iterator[FieldQuestion]:
    """Yield what has to be asked of the fields of records, each with the name of its file."""
    counts: dict[str, Counter[str]] = {}
    files: dict[str, dict[str, None]] = {}
    sizes = Counter[str]()
    for file, values in records:
        sizes[file] += 1
        for name, value in values:
            files.setdefault(name, {})[file] = None
            counts.setdefault(name, Counter())[value.strip()] += 1
    for name, found in counts.items():
        missing = sum(sizes[file] for file in files[name]) - found.total()
        is_dated = missing > 0 and _is_date(name, found)
        if choices.has(name) or (not is_dated and is_harmless(name, found)):
            continue
        is_few = is_dated or len(found) <= FEW
        kind: Literal["few", "many"] = "few" if is_few else "many"
        none = [("", missing)] * (is_few and missing > 0)
        usual = (*none, *found.most_common(FEW))
        yield FieldQuestion(next(iter(files[name])), name, usual, kind)


def is_bad(name: str, value: str) -> bool:
    """Return whether a value of a field says of an answer that it is bad, as "hidden: yes" does."""
    is_bad_name = any(map(_BAD.fullmatch, _list_words(name)))
    return (_BAD.fullmatch(plain_value(value or "no")) is None) == is_bad_name


def _list_words(name: str) -> list[str]:
    """Return the words of the last part of a name, in small letters."""
    own = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.rpartition(".")[2])
    return _NAME_PARTS.findall(own.casefold())


def _is_date(name: str, values: Iterable[str]) -> bool:
    """Return whether a field says when: what some records lack is a state (deleted, published)."""
    is_when = _list_words(name)[-1:] == ["at"]
    return is_when or all(re.fullmatch(_DATE, value) for value in values)


def is_harmless(name: str, values: Iterable[str]) -> bool:
    """Return whether a field plainly means nothing for an example: an id, an address, a date."""
    if name.rpartition(".")[2] in _KNOWN:
        return True
    words = _list_words(name)
    if words and _HARMLESS.fullmatch(words[-1]):
        # "Valid date: no" is a verdict, whatever its name ends with; an index may begin with 0.
        return not any(is_verdict("", value) for value in values)
    return all(map(_HARMLESS_VALUE.fullmatch, values))


def is_verdict(name: str, value: str) -> bool:
    """Return whether a value says that an answer is bad, and is no number."""
    is_number = plain_value(value).lstrip("-").isdecimal()
    return is_bad(name, value) and not is_number
