"""The consent to the use of corrections for training: asked, given, refused and revoked."""

import pytest

from merlin.app.actor import Actor
from merlin.app.consent import (
    decline_consent,
    give_consent,
    has_consent,
    has_declined,
    require_consent,
    revoke_consent,
)
from merlin.app.context import Context
from merlin.core.errors import Refused
from merlin.core.permissions import Authority
from merlin.db.tables import AUDIT
from tests.support.config import make_config

pytestmark = pytest.mark.integration

ANNA = Actor.person(1001, Authority())
BORIS = Actor.person(1002, Authority())


@pytest.fixture
def ctx(database, clock):
    return Context(config=make_config(), db=database, clock=clock)


def test_consent_is_of_one_person_until_it_is_revoked(ctx):
    give_consent(ctx, ANNA)
    require_consent(ctx, ANNA)
    assert [has_consent(ctx, ANNA), has_consent(ctx, BORIS)] == [True, False]
    assert revoke_consent(ctx, ANNA) == []
    with pytest.raises(Refused) as caught:
        require_consent(ctx, ANNA)
    assert caught.value.key == "api-problem-consent-needed"
    [noted] = ctx.db.rows(AUDIT.select())
    assert (noted.by_whom, noted.action) == (ANNA.name, "consent.revoke")


def test_consent_that_was_not_given_cannot_be_revoked(ctx):
    assert revoke_consent(ctx, ANNA) is None
    assert not ctx.db.rows(AUDIT.select())


def test_only_who_was_asked_has_declined(ctx):
    assert not has_declined(ctx, ANNA)
    decline_consent(ctx, ANNA)
    assert [has_declined(ctx, ANNA), has_declined(ctx, BORIS)] == [True, False]
    give_consent(ctx, ANNA)
    assert not has_declined(ctx, ANNA)
