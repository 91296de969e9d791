"""The consent to the use of corrections for training: asked, given, refused and revoked."""

import pytest

from merlin.app.consent import (
    decline_consent,
    give_consent,
    has_consent,
    has_declined,
    require_consent,
    revoke_consent,
)
from merlin.core.errors import Refused
from merlin.db.tables import AUDIT
from tests.support.people import EDITOR, STUDENT

pytestmark = pytest.mark.integration


def test_consent_is_of_one_person_until_it_is_revoked(ctx):
    give_consent(ctx, STUDENT)
    require_consent(ctx, STUDENT)
    assert [has_consent(ctx, STUDENT), has_consent(ctx, EDITOR)] == [True, False]
    assert revoke_consent(ctx, STUDENT) == []
    with pytest.raises(Refused) as caught:
        require_consent(ctx, STUDENT)
    assert caught.value.key == "api-problem-consent-needed"
    [noted] = ctx.db.rows(AUDIT.select())
    assert (noted.by_whom, noted.action) == (STUDENT.name, "consent.revoke")


def test_consent_that_was_not_given_cannot_be_revoked(ctx):
    assert revoke_consent(ctx, STUDENT) is None
    assert not ctx.db.rows(AUDIT.select())


def test_only_who_was_asked_has_declined(ctx):
    assert not has_declined(ctx, STUDENT)
    decline_consent(ctx, STUDENT)
    assert [has_declined(ctx, STUDENT), has_declined(ctx, EDITOR)] == [True, False]
    give_consent(ctx, STUDENT)
    assert not has_declined(ctx, STUDENT)
