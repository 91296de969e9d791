"""What the last check of a dataset found in its files, kept for the next check.

    checked/<digest of the dataset's name>    rows by path as `marshal` writes them, sealed

The next commit parses and counts only the files that it changed: of 30,000 examples with one
changed that takes a second instead of ten. What is compared across files is compared anew each
time, by what is kept of each. The file is a cache with the files of one commit. One that is
damaged, or written by another version of the check or of Python, is made again.
"""

import hashlib
import json
import marshal
import sys
from functools import cache
from pathlib import Path
from typing import Any

from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.messages import Message
from merlin.dataset.check import ParsedFile, ParsedKey
from merlin.dataset.example import Example, dump_compact
from merlin.dataset.finding import Finding, Mark, Severity
from merlin.db.database import in_portions
from merlin.db.values import read_messages

log = get_logger(__name__)

# What an example is compared and built by; it follows from the example alone.
_DERIVED = (
    "answer_digest",
    "content_digest",
    "last_answer_digest",
    "messages_json",
    "most_tokens",
    "near_key",
    "normal_question",
    "system_digest",
    "tokens",
)
# A file's blob, the settings of the check, the findings, and the values of the example.
_Row = tuple[
    str, tuple[object, ...], tuple[tuple[Any, ...], ...], dict[str, Any] | None
]
# Of so many examples each value is derived in a row: one example after another takes a quarter
# longer, because the parser and the vocabulary drive each other out of the processor's caches.
_AT_ONCE = 500
_SEAL_LENGTH = 32
_SIZE_LENGTH = 8


class KeptExample(Example):
    """An example of an earlier check, made of its row's values, which are not copied.

    Its messages are read when somebody asks for them: few of a large dataset are asked for.
    """

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the messages as written."""
        return read_messages(self.messages_json)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Return the line and column of each message."""
        return tuple((line, column) for line, column in json.loads(vars(self)["marks"]))

    @property
    def rejected(self) -> Message | None:
        """Return the worse answer."""
        worse = vars(self).get("rejected")
        return Message(*worse) if worse else None


class KeptFiles:
    """The parsed files of one dataset; `ParsedFiles` of a check."""

    def __init__(self, place: Path, code: bytes | None = None) -> None:
        """Load what `place` keeps of the same `code`, by default a digest of that of a check."""
        self._place = place
        self._code = _describe_code() if code is None else code
        self._rows = _load(place, self._code)
        self._used: dict[str, _Row] = {}
        self._settings: tuple[object, ...] = ()
        self._fresh: list[tuple[ParsedKey, ParsedFile]] = []

    def __contains__(self, key: ParsedKey) -> bool:
        return self._find(key) is not None

    def get(self, key: ParsedKey) -> ParsedFile | None:
        """Return a file that this check or the last one parsed, else None."""
        self._add_fresh()
        row = self._find(key)
        if row is None:
            return None
        self._used[key[0]] = row
        _, _, found, values = row
        findings = (
            Finding(path, line, column, rule, Severity(severity), arguments)
            for path, line, column, rule, severity, arguments in found
        )
        return ParsedFile(_unpack(values) if values else None, tuple(findings))

    def __setitem__(self, key: ParsedKey, file: ParsedFile) -> None:
        self._fresh.append((key, file))
        if len(self._fresh) == _AT_ONCE:
            self._add_fresh()

    def _add_fresh(self) -> None:
        for name in _DERIVED:
            for _, file in self._fresh:
                getattr(file.example, name, None)
        for key, file in self._fresh:
            self._add(key, file)
        self._fresh.clear()

    def _add(self, key: ParsedKey, file: ParsedFile) -> None:
        found = (
            (
                each.path,
                each.line,
                each.column,
                each.rule,
                str(each.severity),
                {**each.arguments},
            )
            for each in file.findings
        )
        path, blob, settings = key
        if settings != self._settings:
            self._settings = tuple(settings)  # one for all rows
        values = _pack(file.example, settings.method) if file.example else None
        self._used[path] = (blob, self._settings, tuple(found), values)

    def _find(self, key: ParsedKey) -> _Row | None:
        path, blob, settings = key
        row = self._used.get(path) or self._rows.get(path)
        return row if row and row[0] == blob and row[1] == settings else None

    def save(self) -> None:
        """Keep the files of this check and no others; raises OSError."""
        self._add_fresh()
        if self._used == self._rows:
            return
        self._place.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._place.with_suffix(".part")
        with temporary.open("wb") as file:
            for portion in in_portions(self._used.items()):
                rows = marshal.dumps(dict(portion))
                file.write(
                    _seal(rows, self._code) + len(rows).to_bytes(_SIZE_LENGTH) + rows
                )
        kill_point("kept.before_rename")
        temporary.replace(self._place)


def _load(place: Path, code: bytes) -> dict[str, _Row]:
    """Return the rows of an earlier check, none if the file is missing, damaged or of another."""
    found: dict[str, _Row] = {}
    if not place.exists():
        return found
    with place.open("rb") as file:
        while seal := file.read(_SEAL_LENGTH):
            size = int.from_bytes(file.read(_SIZE_LENGTH))
            rows = file.read(
                min(size, place.stat().st_size)
            )  # the size may be damaged, too
            if seal != _seal(rows, code):
                log.info("files are checked again", kept=str(place))
                return {}
            found |= marshal.loads(rows)  # noqa: S302 - sealed: whole, and our own
    return found


def _seal(rows: bytes, code: bytes) -> bytes:
    """Return what proves that these bytes are whole and of this code."""
    return hashlib.sha256(code + rows).digest()


@cache
def _describe_code() -> bytes:
    """Return a digest of all that the results of a check follow from but the files themselves."""
    here = Path(__file__).parent
    sources = (here.parent / "core", here)
    files = sorted(
        path for folder in sources for path in folder.rglob("*") if path.is_file()
    )
    code = b"".join(
        path.read_bytes() for path in files if path.suffix in (".py", ".json")
    )
    return hashlib.sha256(sys.version.encode() + code).digest()


def _pack(example: Example, method: str) -> dict[str, Any]:
    """Return what is not empty of an example as its method trains it, and what is derived."""
    trained = example.adapt_to_method(method)
    values = {
        name: value
        for name, value in vars(trained).items()
        if value not in (None, (), "")
    }
    values |= {name: getattr(trained, name) for name in _DERIVED}
    del values["messages"]
    values["content_digest"] = (
        example.content_digest
    )  # twins are compared as they are written
    # A text: with lists in its values each row would be one more object for the garbage collector.
    values["marks"] = dump_compact(example.marks)
    if worse := trained.rejected:
        values["rejected"] = (worse.role, worse.content, {**worse.extra})
    return values


def _unpack(values: dict[str, Any]) -> KeptExample:
    example = KeptExample.__new__(KeptExample)
    object.__setattr__(example, "__dict__", values)
    return example
