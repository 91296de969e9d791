"""What the forms of pages share: the mark that tells one from another, and why one is refused."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Form
from pydantic import ValidationError

from merlin.api.pages.page import PATTERN, PageRequest
from merlin.api.problems import Problem, wrong_values
from merlin.core.errors import DatasetError, Forbidden, MerlinError, Refused
from merlin.core.i18n import text

Mark = Annotated[str, Form(pattern=PATTERN)]
# What a form was refused for, to be said beside it; all else is a page of its own.
REFUSALS = (Problem, Forbidden, Refused, DatasetError, ValidationError)


def refusal_text(visit: PageRequest, error: Exception) -> str:
    """Return the words of one of `REFUSALS`; raises it where it says that nothing is there."""
    match error:
        case Problem():
            if error.status is HTTPStatus.NOT_FOUND:
                raise error
            return text(visit.language, f"api-problem-{error.code}-detail", **error.arguments)
        case ValidationError():
            wrong = wrong_values(error.errors(), visit.language)
            return " ".join(f"{each['pointer'].strip('/')}: {each['detail']}" for each in wrong)
        case MerlinError():
            return text(visit.language, error.key, **error.arguments)
        case _:
            raise error
