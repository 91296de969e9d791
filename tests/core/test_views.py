"""Views: where their values come from, and which become null in JSON."""

from dataclasses import dataclass, fields
from types import SimpleNamespace

import pytest

from merlin.core.views import described, make_finite, named, view_of

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Shelf:
    label: str
    books: int = described("How many stand on it.", 0)
    height_m: float = named("height", "In metres.", 1.5)


def test_field_comes_from_what_is_given_else_from_the_object_else_from_its_default():
    stored = SimpleNamespace(label="A", books=7, colour="red")
    assert view_of(Shelf, stored, label="B") == Shelf("B", books=7, height_m=1.5)


def test_field_has_its_name_in_json_and_its_description():
    _, books, height = fields(Shelf)
    assert dict(books.metadata) == {"description": "How many stand on it."}
    assert dict(height.metadata) == {"alias": "height", "description": "In metres."}


def test_numbers_that_json_does_not_have_become_null_at_every_depth():
    value = {1: (1.5, float("inf")), "b": [{"c": float("nan")}, "inf", None]}
    assert make_finite(value) == {"1": [1.5, None], "b": [{"c": None}, "inf", None]}
