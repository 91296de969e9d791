"""A user's own data: exported as a file, erased completely, by the user only."""

import gzip
import json
from dataclasses import replace

import pytest

from merlin.billing.quota import Allowance, Format
from merlin.bot.handlers.profile import MAX_BYTES
from merlin.dataset.proposals import Draft, Proposals
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.tables import PERSON, PROPOSAL
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    count_updates_by_state,
    find_answer,
    find_traces,
    select_rows,
)
from tests.support.plan_config import make_plan
from tests.support.serving_models import insert_example

pytestmark = pytest.mark.functional

ANNA = 1001
PLANS = (make_plan("free", allowances={Format.TEXT: Allowance(day=2)}),)


@pytest.fixture
def settings(settings):
    return replace(settings, plans=PLANS)


def erase(anna):
    """Let anna confirm the erasure; return the resulting message."""
    confirmation = anna.say("/delete_me")
    anna.press("forget:1")
    # Its update is erased too: ChatUser would wait for it.
    anna.telegram.press("anna", "forget:2")
    anna.telegram.wait_for(lambda: not find_traces(anna.settings))
    return find_answer(anna.telegram, confirmation.message_id)


def test_export_is_sent_as_one_file(anna, telegram):
    anna.say("Что такое лоб?")
    anna.press("rate:up:1")
    document = anna.say("/export").message["document"]
    assert document["file_name"] == f"merlin-{ANNA}.json"
    body = json.loads(telegram.download(document["file_id"]))
    assert body["user_id"] == ANNA
    (turn,) = body["tables"]["turn"]
    assert turn["question"] == "Что такое лоб?"
    assert body["tables"]["rating"][0]["value"] == "up"
    assert {"person", "chat_session", "quota_use", "telegram_update"} <= set(
        body["tables"]
    )


def test_erasure_requires_a_confirmation_and_leaves_nothing(anna, telegram, settings):
    anna.say("Что такое лоб?")
    anna.press("rate:up:1")
    ChatUser(telegram, settings, "boris").say("Что такое нос?")
    confirmation = anna.say("/delete_me")
    assert "вопросы с ответами: 1" in confirmation.text
    assert "оценки: 1" in confirmation.text
    again = anna.press("forget:1")
    assert "Удалить навсегда?" in again.text
    assert find_traces(settings)
    after = erase(anna)
    assert "Всё удалено. Записей было:" in after.text
    assert "вопросы с ответами: 1" in after.text
    assert after.keys == []
    assert select_rows(settings, "SELECT user_id FROM turn") == [(1002,)]


def test_erasure_waits_for_the_answer_in_progress_and_is_told_without_its_message(
    anna, telegram, provider, settings
):
    confirmation = anna.say("/delete_me").message_id
    anna.press("forget:1")
    provider.behave(fixed_answer="слово " * 40, piece_s=3600.0)
    telegram.say("anna", "Расскажи")
    telegram.wait_for(lambda: provider.calls("chat.create"))
    telegram.press("anna", "forget:2", confirmation)
    telegram.wait_for(lambda: count_updates_by_state(settings).get("waiting") == 2)
    assert find_traces(settings)
    telegram.delete("anna", confirmation)
    provider.behave(piece_s=0.0)
    telegram.wait_for(lambda: not find_traces(settings))
    assert anna.wait_for_text("Всё удалено").message_id != confirmation


def test_forged_erasure_button_erases_only_the_user_who_presses_it(
    anna, telegram, settings
):
    anna.say("Что такое лоб?")
    message = ChatUser(telegram, settings, "boris").start()
    before = sum(count_updates_by_state(settings).values())
    telegram.press("boris", "forget:2", message.message_id, forged=True)
    telegram.wait_for(lambda: "Всё удалено" in telegram.answers("boris")[-1].text)
    assert sum(count_updates_by_state(settings).values()) < before + 1
    assert select_rows(settings, "SELECT user_id FROM turn") == [(ANNA,)]


def test_erasure_names_the_models_that_learned_from_the_person(anna, settings):
    with open_database(settings.database) as database:
        database.cipher = load_or_make_key(settings.state_dir, None)
        taught = Draft("Что такое лоб?", "Верх лица.", "neurotypology")
        number = Proposals(database).add(ANNA, taught)
        database.update(PROPOSAL, PROPOSAL.id == number, example_ids="forehead")
        insert_example(database, "forehead")
    after = erase(anna)
    assert "stand-in-base" in after.text


def test_large_export_is_compressed(anna, telegram, settings):
    anna.start()
    with open_database(settings.database) as database:
        database.update(PERSON, PERSON.user_id == ANNA, zone="я" * (MAX_BYTES // 2))
    document = anna.say("/export").message["document"]
    assert document["file_name"] == f"merlin-{ANNA}.json.gz"
    content = telegram.download(document["file_id"])
    assert json.loads(gzip.decompress(content))["user_id"] == ANNA


def test_forged_language_is_not_set(anna, settings):
    shown = anna.say("/lang").message_id
    anna.press("lang:xx", shown, forged=True)
    assert select_rows(settings, "SELECT language FROM person") == [(None,)]
