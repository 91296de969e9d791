"""One person's data in all tables: exported in full to them, and deleted without a trace."""

import itertools
import json
import re
from datetime import UTC, timedelta
from functools import partial

import pytest

from merlin.account.accounts import Accounts
from merlin.account.users import ERASED, User, Users
from merlin.app.personal_data import (
    AUTHORS,
    TRACES,
    PersonalRecords,
    scrub_json,
    scrub_text,
)
from merlin.billing.quota import Allowance, Format, Left, Quotas
from merlin.db import tables
from merlin.db.audit import Audit, person_reference
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import (
    BUILD,
    CHANGE,
    COMMIT,
    EXAMPLE_TEXT,
    LEDGER,
    PROPOSAL,
    PURCHASE,
    QUOTA_USE,
    RATING,
    SESSION,
    TAUGHT_EXAMPLE,
    TURN,
)
from merlin.providers.base import Answer
from tests.db.pipeline_rows import PipelineRows, column_types, make_examples
from tests.support.plan_config import make_plan

unit = pytest.mark.unit
integration = pytest.mark.integration

ANNA = 987654321
BORIS = 123456789
BOT = 7
GROUP = -100200300
# Columns that hold only a person's number or name.
PERSONAL = {
    *("user_id", "chat_id", "by_whom", "by_user", "to_whom", "target"),
}
SHA = "a" * 40
DAY = timedelta(days=1)


# Tables without personal data: what is kept after an erasure is under a keyed hash, and datasets
# only mirror git.
NOBODY = (
    tables.ACCEPTED_LOSS,
    tables.ANSWER_COST,
    tables.BUILD,
    tables.COURSE,
    tables.DATASET_FILE,
    tables.DATASET_TEXT,
    tables.DATASET_TREE,
    tables.EXAMPLE_TEXT,
    tables.FINDING,
    tables.SEARCH_ENTRY,
    tables.SETTING,
    tables.HEARTBEAT,
    tables.INTENT,
    tables.JOB,
    tables.JUDGEMENT,
    tables.JOB_EVENT,
    tables.LEDGER,
    tables.BASELINE_ANSWER,
    tables.BLOCKED_PSEUDONYM,
    tables.MATERIAL,
    tables.MIGRATION,
    tables.MODEL,
    tables.PROOF_ANSWER,
    tables.REVOKED_EXAMPLE,
    tables.REVOKED_VERSION,
    tables.SERVING,
    tables.SUBSCRIPTION,
    tables.VERDICT,
    tables.CHANGE_COUNTER,
    tables.WINDOW,
)


@pytest.fixture
def people(database, clock):
    return PersonalRecords(database, clock)


def every_table():
    return {var for var in vars(tables).values() if isinstance(var, tables.Table)}


def make_value(cipher, table, column, user_id, *, is_number):
    """Return a value of a column that refers to a person."""
    if is_number:
        return user_id if column in PERSONAL | {"cursor_id"} else 1
    document = json.dumps(
        {
            "user": user_id,
            "by": [f"user:{user_id}", str(user_id)],
            "of": {f"{user_id}": 1},
        }
    )
    values = {
        "by_whom": str(user_id) if table is CHANGE else f"user:{user_id}",
        "to_whom": str(user_id),
        "state": "committed" if table is PROPOSAL else "waiting",
        "author_email": f"{user_id}@telegram.invalid",
        "author_name": f"Name of {user_id}",
        "author": f"Name of {user_id}",
        "message": f"Add\n\nMerlin-Editor: Name of {user_id} <{user_id}@telegram.invalid>\n",
        "commit_sha": SHA,
        "sha": SHA,
        "text_digest": "d",
        "pack_id": None,
        "corrected": "{}",
    }
    values["target"] = f"user:{user_id}"
    values |= dict.fromkeys(("arguments", "result"), document)
    values |= dict.fromkeys(
        ("once", "reason", "why"), f"for {user_id}, by user:{user_id}."
    )
    if column in table.sealed:
        return cipher.seal(f"words of {user_id}")
    return values.get(column, "2026-11-20")


def insert_person(database, cipher, user_id):
    """Insert rows of a person into every table that can hold any."""
    insert_parents(database, cipher, user_id)
    order = [trace.table for trace in reversed(TRACES)]
    for table in order:
        row = {
            column: make_value(cipher, table, column, user_id, is_number=is_number)
            for column, is_number in column_types(database, table.__name__).items()
            if column not in {"id", "pack_id"} or (column == "id" and not is_number)
        }
        if table in {TURN, RATING}:
            row |= {"session_id": 1} if table is TURN else {"turn_id": 1}
        database.put(table.insert(row).on_conflict_ignore())
        if table is PURCHASE:
            kinds = column_types(database, "ledger")
            payment = {
                name: 1 if kinds[name] else row["id"] for name in kinds if name != "id"
            }
            database.add(LEDGER, {**payment, "refers": None})


def insert_parents(database, cipher, user_id):
    commit = {
        column: make_value(cipher, COMMIT, column, user_id, is_number=is_number)
        for column, is_number in column_types(database, "seen_commit").items()
    }
    database.put(COMMIT.insert(commit))
    database.put(EXAMPLE_TEXT.insert({"digest": "d", "messages": "[]", "words": ""}))
    kinds = column_types(database, "build")
    build = {name: 1 if kinds[name] else "{}" for name in kinds if name != "id"}
    build_id = database.add(BUILD, build)
    taught = {
        "dataset": "trial",
        "example_id": "a",
        "blob": "b",
        "commit_sha": SHA,
        "author": f"Name of {user_id}",
    }
    build = {"first_build": build_id, "end_build": build_id + 1}
    details = {"split": "", "tokens": 1, "text_digest": "d"}
    database.put(TAUGHT_EXAMPLE.insert({**taught, **build, **details}))


def read_all_values(database, cipher):
    """Yield (table, column, text) of every value in the database, encrypted ones also decrypted."""
    for table in every_table():
        for row in database.rows(table.select()):
            for column, value in row._asdict().items():
                is_sealed = column in table.sealed and value
                yield (
                    table.__name__,
                    column,
                    cipher.open(value) if is_sealed else str(value),
                )


def columns_found(database, cipher, user_id):
    alone = re.compile(rf"(?<!\d){user_id}(?!\d)")
    values = read_all_values(database, cipher)
    return {(name, column) for name, column, text in values if alone.search(text)}


@pytest.fixture
def anna(database, cipher):
    """Anna has rows in every table that can hold any."""
    insert_person(database, cipher, ANNA)


@integration
def test_every_table_is_listed_by_the_personal_data_it_holds():
    listed_tables = [*(trace.table for trace in TRACES), *AUTHORS, *NOBODY]
    assert len(listed_tables) == len(set(listed_tables))
    assert {table.__name__ for table in listed_tables} == {
        table.__name__ for table in every_table()
    }


@integration
def test_every_column_that_identifies_people_is_covered():
    for trace in TRACES:
        listed_columns = {
            *trace.ids,
            *trace.owners,
            *trace.numbers,
            *trace.names,
            *trace.documents,
        }
        assert PERSONAL & set(trace.table._columns) <= listed_columns | {
            "user_id",
            "by_whom",
        }, trace.table
    for table in (*AUTHORS, *NOBODY):
        assert not PERSONAL & set(table._columns), table


@integration
def test_erasure_leaves_no_trace_of_a_person_in_any_table(
    database, cipher, people, anna
):
    before = columns_found(database, cipher, ANNA)
    # Otherwise the test would find nothing because nothing was inserted.
    expected = {trace.table.__name__ for trace in TRACES} | {
        author.__name__ for author in AUTHORS
    }
    assert {name for name, _ in before} == expected
    counts = people.count(ANNA)
    assert people.forget(ANNA) == counts
    assert columns_found(database, cipher, ANNA) == set()
    assert people.forget(ANNA) == {}
    assert people.count(ANNA) == {}


@integration
def test_what_models_answered_to_a_persons_questions_goes_with_them(
    database, people, clock, anna
):
    world = PipelineRows(database, clock)
    job = world.start(2, make_examples())
    world.finish(job)
    (model,) = world.models.list_unproved()
    (turn,) = database.rows(tables.TURN.select(tables.TURN.id))
    for key in (f"asked:{turn.id}", "asked:77", f"{turn.id}"):
        world.models.keep_answer(model, key, Answer("Ответ."))
        row = {
            "dataset": "trial",
            "model": "old/ft:1",
            "question": key,
            "answer": "Ответ.",
        }
        database.transact(partial(database.add_new, tables.BASELINE_ANSWER, row))
    people.forget(ANNA)
    recorded = database.rows(tables.BASELINE_ANSWER.select())
    assert {row.question for row in recorded} == {"asked:77", f"{turn.id}"}
    assert {*world.models.answers(model.model_row)} == {"asked:77", f"{turn.id}"}


@integration
def test_names_of_an_account_are_erased_from_the_audit_log(database, people, clock):
    accounts = Accounts(database, clock)
    for user_id, name in ((ANNA, "anna"), (ANNA, "anna.a"), (BORIS, "boris")):
        accounts.set_name(user_id, name, person_reference(user_id))
    people.forget(ANNA)
    entries = [(each.target, each.arguments) for each in Audit(database).list_newest()]
    assert entries == [
        (person_reference(BORIS), {"name": "boris", "before": ""}),
        (ERASED, {}),
        (ERASED, {}),
    ]


@integration
def test_notice_to_admins_about_an_erased_person_stays_without_them(
    database, people, clock
):
    notices = Notices(database, clock)
    notices.notify(ADMINS, "notice-role", {"user": ANNA}, once=f"role:{ANNA}")
    people.forget(ANNA)
    (row,) = database.rows(tables.NOTICE.select())
    assert (json.loads(row.arguments), row.once) == ({"user": 0}, None)


@integration
def test_only_rows_that_an_erasure_deletes_are_counted(people, anna):
    counts = people.count(ANNA)
    assert counts["turn"] == counts["proposal"] == counts["person"] == 1
    # These stay without the person.
    assert not {"purchase", "audit", "seen_commit"} & set(counts)


@integration
def test_erasure_changes_nothing_of_another_person(database, cipher, people, clock):
    insert_person(database, cipher, BORIS)
    before = sorted(read_all_values(database, cipher))
    assert people.forget(ANNA) == {}
    assert people.forget(int(str(BORIS)[:-1])) == {}
    assert sorted(read_all_values(database, cipher)) == before


@integration
def test_update_that_requested_the_erasure_is_kept_until_the_end(
    database, cipher, people, anna
):
    people.forget(ANNA, kept_update=1)
    assert {name for name, _ in columns_found(database, cipher, ANNA)} == {
        "telegram_update"
    }
    assert people.forget(ANNA) == {"telegram_update": 1}


@integration
def test_erasure_keeps_the_group_session_without_the_person(database, people, anna):
    database.change(SESSION.update({"chat_id": GROUP}).where(SESSION.id == 1))
    people.forget(ANNA)
    (session,) = database.rows(SESSION.select())
    assert (session.user_id, session.title, session.system) == (0, "", "")
    assert database.rows(TURN.select()) == []


@integration
def test_export_contains_every_table_decrypted_and_serialisable(people, anna):
    document = json.loads(json.dumps(people.export(ANNA)))
    assert set(document["tables"]) == {trace.table.__name__ for trace in TRACES} | {
        "seen_commit"
    }
    (turn,) = document["tables"]["turn"]
    assert turn["question"] == f"words of {ANNA}"
    assert document["tables"]["audit"][0]["arguments"]["user"] == ANNA
    (text,) = document["examples"].values()
    assert f"- user: words of {ANNA}" in text
    names = {
        name for rows in document["tables"].values() for row in rows for name in row
    }
    secrets = {"password", "token_hash", "code_hash", "browser_hash", "key_hash"}
    assert not secrets & names
    assert people.export(BORIS) == {"user_id": BORIS, "tables": {}, "examples": {}}


@integration
def test_committed_proposal_is_anonymised_and_waits_for_removal_from_git(
    database, people, anna
):
    people.forget(ANNA)
    (proposal,) = database.rows(PROPOSAL.select())
    assert (proposal.user_id, proposal.turn_id, proposal.state) == (
        0,
        0,
        "withdrawn",
    )
    assert (proposal.question, proposal.answer) == ("", "")


@integration
def test_erasure_does_not_renew_the_daily_quota(database, people, clock):
    quotas = Quotas(database, BOT, clock)
    plan = make_plan("free", allowances={Format.TEXT: Allowance(day=3)})

    def ask(update_id):
        return quotas.reserve(ANNA, update_id, Format.TEXT, plan, UTC)

    ask(1), ask(2)
    quotas.give_back(2)
    people.forget(ANNA)
    assert quotas.read_left(ANNA, plan, UTC)[Format.TEXT].used == 1
    ask(3)
    people.forget(ANNA)
    people.forget(ANNA)
    ask(4)
    assert isinstance(ask(5), Left)
    assert quotas.read_left(BORIS, plan, UTC)[Format.TEXT].used == 0
    assert database.count(QUOTA_USE, QUOTA_USE.user_id == ANNA) == 1
    people.forget(ANNA)
    kept = database.rows(QUOTA_USE.select())
    assert {row.user_id < 0 < -row.update_id for row in kept}
    assert str(ANNA) not in str(kept)
    clock.move(24 * 3600)
    assert not isinstance(ask(6), Left)


def quota_user(database, clock, allowance):
    """Return a function that asks questions under a plan and returns how much of it is used."""
    quotas = Quotas(database, BOT, clock)
    numbers = itertools.count(1)
    plan = make_plan("free", allowances={Format.TEXT: allowance})

    def ask(count=0):
        reservations = [
            quotas.reserve(ANNA, next(numbers), Format.TEXT, plan, UTC)
            for _ in range(count)
        ]
        assert not any(isinstance(reservation, Left) for reservation in reservations)
        return quotas.read_left(ANNA, plan, UTC)[Format.TEXT].used

    return ask


@integration
def test_erasure_does_not_renew_the_monthly_quota(database, people, clock):
    ask = quota_user(database, clock, Allowance(month=3))
    for day in range(3):
        assert ask(1) == day + 1
        people.forget(ANNA)
        clock.move(DAY.total_seconds())
        assert ask() == day + 1, "the month goes on"


@integration
@pytest.mark.parametrize(
    ("allowance", "later"), [(Allowance(month=3), 11 * DAY), (Allowance(day=3), DAY)]
)
def test_usage_kept_after_erasure_counts_only_in_its_own_period(
    database, people, clock, allowance, later
):
    ask = quota_user(database, clock, allowance)
    ask(2)
    people.forget(ANNA)
    clock.move(later.total_seconds())
    assert ask() == 0, "the first of December, or another day"
    assert ask(1) == 1
    people.forget(ANNA)
    assert ask() == 1, "what was left before is not added to it"
    assert ask(2) == 3


@integration
def test_erasure_keeps_only_the_newest_month_of_usage(database, people, clock):
    ask = quota_user(database, clock, Allowance(month=3))
    ask(3)
    clock.move(11 * DAY.total_seconds())
    assert ask(1) == 1
    people.forget(ANNA)
    assert ask() == 1


@integration
def test_block_survives_erasure_until_an_admin_lifts_it(database, people, clock):
    users = Users(database, clock)
    users.record([User(ANNA), User(BORIS)])
    users.block(ANNA, "user:1")
    for _ in range(2):
        people.forget(ANNA)
        clock.move(400 * 24 * 3600)
        users.record([User(ANNA)])
        assert users.get(ANNA).is_blocked
    assert not users.get(BORIS).is_blocked
    users.block(ANNA, "user:1", is_blocked=False)
    people.forget(ANNA)
    users.record([User(ANNA)])
    assert not users.get(ANNA).is_blocked


@unit
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("user:987654321", "user:erased"),
        ("987654321", "erased"),
        ("987654321@telegram.invalid", "erased@telegram.invalid"),
        ("by user:987654321, for 987654321.", "by user:erased, for erased."),
        ("9876543210 and 1987654321", "9876543210 and 1987654321"),
        ("", ""),
    ],
)
def test_user_id_standing_alone_is_replaced(before, after):
    assert scrub_text(before, ANNA) == after


@unit
def test_json_is_scrubbed_to_its_leaves():
    paper = {
        "user": ANNA,
        "of": [{"by": f"user:{ANNA}", f"{ANNA}": True}],
        "tokens": ANNA + 1,
    }
    assert scrub_json(paper, ANNA) == {
        "user": 0,
        "of": [{"by": "user:erased", "erased": True}],
        "tokens": ANNA + 1,
    }
    assert scrub_json(True, 1) is True
