"""People: their settings, roles, consents, and the audit log of these."""

from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from merlin.account.users import Consents, Roles, User, Users
from merlin.billing.terms import Terms
from merlin.core.clock import iso
from merlin.core.errors import Refused
from merlin.core.permissions import Authority, Permission, Role
from merlin.db.audit import Audit
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from merlin.db.tables import CONSENT, ROLE_GRANT
from tests.billing.plan_shop import BY_VERA
from tests.support.migrated_databases import on_both_databases
from tests.support.people import ANNA, BORIS, VERA

integration = pytest.mark.integration


@pytest.fixture
def cipher():
    return Cipher({"old": b"o" * 32, "new": b"n" * 32}, "new")


@pytest.fixture
def users(database, clock):
    rows = Users(database, clock)
    for user_id, code in ((ANNA, "ru"), (BORIS, "en"), (VERA, "")):
        clock.move(1)
        rows.record([User(user_id, code)])
    return rows


@pytest.fixture
def consents(database, clock):
    return Consents(database, clock)


@pytest.fixture
def roles(database, clock):
    return Roles(database, [VERA], clock)


@integration
def test_user_settings_are_stored(users):
    users.set_language(ANNA, "en")
    users.set_zone(ANNA, "Asia/Vladivostok")
    users.set_plain(ANNA, is_plain=True)
    users.set_name(ANNA, "Анна Ёлкина")
    users.record([User(ANNA, "ru-RU")])
    assert users.get(ANNA) == User(
        ANNA,
        "ru-RU",
        language="en",
        zone="Asia/Vladivostok",
        shown_name="Анна Ёлкина",
        is_plain=True,
    )
    users.set_plain(ANNA, is_plain=False)
    assert not users.get(ANNA).is_plain
    assert users.get(BORIS) == User(BORIS, "en")
    assert users.get_or_new(BORIS) == users.get(BORIS)
    assert users.get_or_new(9) == User(9)
    # A direction mark would turn the text around the name, a line end would forge the next line.
    for name, stored in (
        ("Ёлки\u202eна\x07", "Ёлкина"),
        ("\u3164\u2066", ""),
        ("Анна\r\nадмин\u2028Ёлкина\n", "Анна админ Ёлкина"),
    ):
        users.set_name(ANNA, name)
        assert users.get(ANNA).shown_name == stored


@integration
def test_unknown_language_or_zone_is_refused(users):
    with pytest.raises(Refused):
        users.set_language(ANNA, "fr")
    with pytest.raises(Refused):
        users.set_zone(ANNA, "Europe/Atlantis")
    assert users.get(ANNA) == User(ANNA, "ru")


@integration
def test_search_ends_with_the_last_person_it_returns(users, url):
    users.set_name(BORIS, "Борис Ёлкин")
    with open_database(url, cipher=Cipher({"lost": b"x" * 32}, "lost")) as other:
        Users(other).set_name(ANNA, "Анна Ёлкина")
    # Reading the name of Anna, who came first, is logged: its key is lost.
    with capture_logs() as logs:
        assert [user.user_id for user in users.find("ёлкин", limit=1)] == [BORIS]
    assert logs == []
    with capture_logs() as logs:
        assert [user.user_id for user in users.find("ёлкин")] == [BORIS]
    assert [entry["event"] for entry in logs] == ["a stored text cannot be opened"]


@integration
def test_unknown_user_is_not_found(users):
    for query in ("", " ", "9" * 40, "%", "1004", "-1", "'"):
        assert users.find(query) == [], query
    texts = [str(ANNA), "x", "9" * 40, "-1"]
    assert [user.user_id for user in users.list_of_ids(texts)] == [ANNA]


@integration
def test_user_list_shows_the_same_plans_as_the_user_card(users, database, clock):
    terms = Terms(database, clock)
    for user_id, plan, days in (
        (ANNA, "plus", 1),
        (ANNA, "algorithms", 9),
        (BORIS, "plus", 1),
    ):
        terms.add(user_id, plan, days, f"gift:{plan}", "cli:vera")
    for seconds, plans in ((0, 2), (2 * 86_400, 1)):
        clock.move(seconds)
        listed = {user.user_id: user for user in users.list_newest(0, 10)}
        assert listed == {
            user_id: users.get(user_id) for user_id in (ANNA, BORIS, VERA)
        }
        assert len(listed[ANNA].plans) == plans


@integration
def test_blocked_user_stays_blocked_when_they_write(users, database):
    assert users.block(ANNA, BY_VERA)
    assert not users.block(ANNA, BY_VERA)
    users.record([User(ANNA, "en")])
    assert users.get(ANNA).is_blocked
    assert users.block(ANNA, BY_VERA, is_blocked=False)
    assert not users.get(ANNA).is_blocked
    actions = [entry.action for entry in Audit(database).list_newest()]
    assert actions == ["user.unblock", "user.block"]


@integration
def test_teacher_scopes_are_added_and_revoked_one_by_one(roles):
    roles.grant(BORIS, Role.TEACHER, BY_VERA, "face")
    roles.grant(BORIS, Role.TEACHER, BY_VERA, "law")
    assert roles.authority(BORIS) == Authority(Role.TEACHER, frozenset({"face", "law"}))
    assert roles.revoke(BORIS, BY_VERA, "face")
    assert not roles.authority(BORIS).may(Permission.REVIEW, "face")
    assert roles.authority(BORIS).may(Permission.REVIEW, "law")


@integration
def test_new_role_replaces_the_old_one(roles, database):
    roles.grant(BORIS, Role.TEACHER, BY_VERA, "face")
    roles.grant(BORIS, Role.ADMIN, BY_VERA)
    assert roles.authority(BORIS) == Authority(Role.ADMIN)
    assert roles.admins() == [VERA, BORIS]
    roles.grant(BORIS, Role.STUDENT, BY_VERA)
    assert database.rows(ROLE_GRANT.select()) == []


@integration
@pytest.mark.parametrize(
    ("role", "scope"), [(Role.TEACHER, None), (Role.ADMIN, "face")]
)
def test_scope_is_required_for_teachers_and_refused_for_other_roles(roles, role, scope):
    with pytest.raises(Refused):
        roles.grant(BORIS, role, BY_VERA, scope)
    assert roles.authority(BORIS) == Authority()


@integration
def test_admin_of_the_config_cannot_be_changed(roles):
    assert roles.authority(VERA).role is Role.ADMIN
    for change in (
        lambda: roles.grant(VERA, Role.STUDENT, "cli:root"),
        lambda: roles.revoke(VERA, ""),
    ):
        with pytest.raises(Refused):
            change()


@integration
@on_both_databases
def test_concurrent_role_grants_store_one(roles, database):
    with ThreadPoolExecutor(10) as pool:
        results = list(
            pool.map(lambda _: roles.grant(BORIS, Role.EDITOR, BY_VERA), range(10))
        )
    stored = database.rows(ROLE_GRANT.select())
    audited = Audit(database).list_newest()
    assert (sum(results), len(stored), len(audited)) == (1, 1, 1)


def list_answers(database):
    """Return what anna answered, oldest first."""
    return database.rows(
        CONSENT.select().where(CONSENT.user_id == ANNA).order_by(CONSENT.id)
    )


@integration
def test_consent_is_valid_until_revoked(consents, database, clock):
    assert not consents.was_asked(ANNA)
    given_at = clock()
    assert consents.give(ANNA, "1")
    assert not consents.give(ANNA, "1")
    assert consents.has(ANNA)
    assert not consents.has(BORIS)
    clock.move(60)
    assert consents.revoke(ANNA)
    assert not consents.revoke(ANNA)
    assert not consents.has(ANNA)
    assert consents.was_asked(ANNA)
    (past,) = list_answers(database)
    assert past.text_version == "1"
    assert (past.given_at, past.revoked_at) == (iso(given_at), iso(clock()))


@integration
def test_new_consent_text_requires_a_new_consent(consents, database):
    consents.give(ANNA, "1")
    assert consents.give(ANNA, "2")
    assert [consent.revoked_at is None for consent in list_answers(database)] == [
        False,
        True,
    ]


@integration
def test_refused_consent_is_stored_and_is_not_a_consent(consents, database):
    consents.decline(ANNA, "1")
    assert (consents.was_asked(ANNA), consents.has(ANNA)) == (True, False)
    consents.give(BORIS, "1")
    consents.decline(BORIS, "1")
    assert consents.has(BORIS)
    assert database.count(CONSENT, CONSENT.user_id == BORIS) == 1


@integration
@on_both_databases
def test_concurrent_consents_store_one(consents, database):
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: consents.give(ANNA, "1"), range(10)))
    assert (sum(results), len(list_answers(database))) == (1, 1)


@integration
def test_plan_that_begins_later_is_not_yet_a_persons_plan(users, database, clock):
    terms = Terms(database, clock)
    for number, days in ((1, 10), (2, 20)):
        terms.add(ANNA, "plus", days, f"grant:{number}", BY_VERA)
    for found in (users.get(ANNA), *users.find(str(ANNA))):
        assert found.terms == ("plus",)


@integration
@pytest.mark.parametrize("first", [Role.TEACHER, Role.EDITOR])
def test_higher_of_two_roles_counts_with_its_own_scopes(roles, database, first):
    """As concurrent grants may leave them, in any order."""
    second = Role.EDITOR if first is Role.TEACHER else Role.TEACHER
    for role in (first, second):
        scope = "face" if role is Role.TEACHER else ""
        database.add_new(
            ROLE_GRANT, {"user_id": BORIS, "role": role.value, "scope": scope}
        )
    assert roles.authority(BORIS) == Authority(Role.EDITOR)
    assert roles.authority(ANNA) == Authority()


@integration
def test_answer_about_consent_changes_nobody_elses(consents, database):
    for user_id in (ANNA, BORIS):
        consents.give(user_id, "1")
    consents.give(BORIS, "2")
    assert consents.revoke(BORIS)
    consents.decline(BORIS, "2")
    assert [consents.hold(user_id) for user_id in (ANNA, BORIS)] == [True, False]
    assert len(list_answers(database)) == 1


@integration
def test_role_is_revoked_from_one_person_and_teachers_are_those_of_the_course(roles):
    for user_id, scope in ((ANNA, "face"), (BORIS, "face"), (BORIS, "law")):
        roles.grant(user_id, Role.TEACHER, BY_VERA, scope)
    assert [roles.teachers(scope) for scope in ("face", "law", "")] == [
        [ANNA, BORIS],
        [BORIS],
        [],
    ]
    assert not roles.revoke(ANNA, BY_VERA, "law")
    assert roles.revoke(BORIS, BY_VERA, "face")
    roles.grant(BORIS, Role.EDITOR, BY_VERA)
    assert [roles.teachers(scope) for scope in ("face", "law", "")] == [[ANNA], [], []]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("user", "language"),
    [
        (User(1, "en-GB"), "en"),
        (User(1, "en", language="ru"), "ru"),
        (User(1, "uk"), "ru"),
        (User(1), "ru"),
    ],
)
def test_chosen_language_beats_the_client_language(user, language):
    assert user.speaks("ru") == language


@pytest.mark.unit
@pytest.mark.parametrize(
    ("user", "zone"),
    [(User(1, zone="Asia/Tokyo"), "Asia/Tokyo"), (User(1), "Europe/Moscow")],
)
def test_chosen_zone_beats_the_usual_one(user, zone):
    assert user.time_zone("Europe/Moscow") == ZoneInfo(zone)
