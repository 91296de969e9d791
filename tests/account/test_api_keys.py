"""API keys: valid until they end or are revoked, and revoked by their owner alone."""

from datetime import timedelta

import pytest

from merlin.account.api_keys import MAX_KEYS, ApiKeys, Scope, is_secret
from merlin.core.errors import Refused
from tests.support.people import ANNA, BORIS

pytestmark = pytest.mark.integration
SCOPES = [Scope.COURSES_READ]


def list_ids(keys):
    return [[key.id for key in keys.list_valid(user_id)] for user_id in (ANNA, BORIS)]


def test_key_is_valid_until_it_ends_or_its_owner_revokes_it(database, clock):
    keys = ApiKeys(database, clock)
    made = [keys.make(ANNA, "program", SCOPES, clock() + timedelta(days=1))]
    made += [keys.make(user_id, "program", SCOPES) for user_id in (ANNA, ANNA, BORIS)]
    (ended, second, third, theirs), secrets = zip(*made, strict=True)
    assert all(map(is_secret, secrets))
    assert not is_secret("a token of a browser")
    assert [keys.find(secret).id for secret in secrets] == [key.id for key, _ in made]
    clock.move(86_400)
    keys.record_use(third.id)
    assert [key.last_used_at for key in keys.list_valid(ANNA)] == [clock(), None]
    tries = [(ANNA, ended), (BORIS, second), (ANNA, second), (ANNA, second)]
    assert [keys.revoke(who, key.id) for who, key in tries] == [
        False,
        False,
        True,
        False,
    ]
    assert [keys.find(secret) is None for secret in secrets] == [
        True,
        True,
        False,
        False,
    ]
    assert list_ids(keys) == [[third.id], [theirs.id]]
    assert keys.revoke_all(ANNA) == 1
    assert list_ids(keys) == [[], [theirs.id]]


def test_only_valid_keys_of_the_person_count_towards_the_limit(database, clock):
    keys = ApiKeys(database, clock)
    made = [keys.make(ANNA, "key", SCOPES)[0] for _ in range(MAX_KEYS)]
    with pytest.raises(Refused):
        keys.make(ANNA, "one more", SCOPES)
    keys.make(BORIS, "own", SCOPES)
    keys.revoke(ANNA, made[0].id)
    keys.make(ANNA, "one more", SCOPES)
