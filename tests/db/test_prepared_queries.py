"""Prepared queries return the same rows as peewee's own, on both databases."""

import pytest

from merlin.db.database import Parameter, Prepared
from merlin.db.tables import INTENT

pytestmark = pytest.mark.integration

FOUND = Prepared(
    INTENT.select(INTENT.key, INTENT.empty_finds)
    .where((INTENT.kind == "upload") & (INTENT.empty_finds >= Parameter("least")))
    .order_by(INTENT.key)
)


def test_missing_parameter_raises_an_error_and_an_extra_one_does_not(database):
    with pytest.raises(KeyError, match="least"):
        database.rows(FOUND(most=1))
    assert database.rows(FOUND(least=0, most=1)) == []
