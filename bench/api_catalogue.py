"""Fill a new SQLite file with generated courses, as commits would store them."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.chat_sides import ROOT
from merlin.core.clock import iso
from merlin.core.vocabulary import fold, split_words
from merlin.course.catalogue import KINDS
from merlin.dataset.files import mark_catalogue_changed
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.tables import COURSE, MATERIAL

AT = iso(datetime(2026, 11, 20, 8, 30, tzinfo=UTC))
LESSONS = 10
# The words of the sample materials: 2,300 inflected Russian words, 240 English ones.
_TEXT = "".join(path.read_text("utf-8") for path in sorted(ROOT.glob("datasets/*/materials/*.md")))
_WORDS = sorted({word for word in split_words(fold(_TEXT)) if len(word) > 3 and word.isalpha()})
_ENGLISH = [word for word in _WORDS if word.isascii()]
_RUSSIAN = [word for word in _WORDS if not word.isascii()]
Row = dict[str, Any]


def fill(state: Path, courses: int) -> None:
    """Create `state`/merlin.db with this number of courses of ten materials each."""
    state.mkdir(parents=True)
    with open_database(f"sqlite://{state}/merlin.db") as database:
        migrate(database)
        rng = random.Random(courses)  # noqa: S311 - the same catalogue each time
        with database.atomic():
            database.add_many(COURSE, (_course(number, rng) for number in range(courses)))
            rows = database.rows(COURSE.select())
            database.add_many(MATERIAL, _materials(rows, rng))
            mark_catalogue_changed(database)


def _make_text(rng: random.Random, words: list[str], least: int, most: int) -> str:
    return " ".join(rng.choices(words, k=rng.randint(least, most))).capitalize()


def _course(number: int, rng: random.Random) -> Row:
    return {
        "slug": f"course-{number:05d}",
        "semester": 1 + number % 8,
        "name_ru": _make_text(rng, _RUSSIAN, 2, 6),
        "name_en": _make_text(rng, _ENGLISH, 2, 4),
        "description_ru": _make_text(rng, _RUSSIAN, 10, 40),
        "description_en": _make_text(rng, _ENGLISH, 10, 40),
        "is_active": 1,
        "teachers": json.dumps([f"teacher-{number % 40}"]),
        **{kind: len(range(place, LESSONS, len(KINDS))) for place, kind in enumerate(KINDS)},
    }


def _materials(courses: list[Row], rng: random.Random) -> Iterator[Row]:
    for course in courses:
        for lesson in range(LESSONS):
            title = _make_text(rng, _RUSSIAN, 1, 5)
            yield {
                "course_id": course["id"],
                "place": lesson,
                "lesson": 1 + lesson // len(KINDS),
                "kind": KINDS[lesson % len(KINDS)],
                "title_ru": title,
                "title_en": title,
                "text_path": "",
                "file_url": f"https://example.com/{course['slug']}/{lesson}.pdf",
            }


def queries(count: int) -> list[str]:
    """Return search queries of one to three words: every fifth English, every fourth incomplete."""
    rng = random.Random(count)  # noqa: S311 - the same queries each time
    texts = []
    for number in range(count):
        words = rng.choices(_RUSSIAN if number % 5 else _ENGLISH, k=1 + number % 3)
        words[-1] = words[-1][: rng.randint(3, 6)] if number % 4 == 0 else words[-1]
        texts.append(" ".join(words))
    return texts
