"""Rich messages and drafts of the bot through the Bot API."""

import pytest
from telegram import Message

from merlin.core.errors import Refused
from merlin.sandbox.telegram import server
from merlin.sandbox.telegram.world import STUDY
from tests.sandbox.telegram_client import fetch
from tests.sandbox.test_telegram_server import call_api

pytestmark = pytest.mark.functional

BLOCKS = [
    {"type": "heading", "text": "Итог", "size": 2},
    {"type": "list", "items": [{"blocks": [{"type": "paragraph", "text": "раз"}]}]},
]
THINKING = {"type": "thinking", "text": "Думаю"}
RICH = {"blocks": BLOCKS, "skip_entity_detection": True}


def refuse(telegram, method, **arguments):
    status, description = call_api(telegram, method, **arguments)
    assert status == 400
    return description.removeprefix("Bad Request: ")


def test_rich_message_has_no_text_and_is_edited_to_text_and_back(telegram):
    keys = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    _, sent = call_api(
        telegram, "sendRichMessage", chat_id=1001, rich_message=RICH, reply_markup=keys
    )
    assert "text" not in sent
    assert sent["rich_message"]["blocks"][1]["items"][0]["label"] == "•"
    assert sent["reply_markup"] == keys
    address = {"chat_id": 1001, "message_id": sent["message_id"]}
    edited = call_api(telegram, "editMessageText", **address, text="a")[1]
    assert (edited["text"], "rich_message" in edited) == ("a", False)
    edited = call_api(telegram, "editMessageText", **address, rich_message=RICH)[1]
    assert (edited["rich_message"], "text" in edited) == (sent["rich_message"], False)
    again = refuse(telegram, "editMessageText", **address, rich_message=RICH)
    assert again.startswith("message is not modified")
    kept = call_api(telegram, "editMessageReplyMarkup", **address, reply_markup=keys)[1]
    assert kept["rich_message"] == sent["rich_message"]
    texts = [each["text"] for each in telegram.log("anna")[0].versions]
    assert texts == ["Итог\n•\nраз", "a", *["Итог\n•\nраз"] * 2]


@pytest.mark.parametrize(
    ("method", "arguments", "description"),
    [
        ("sendRichMessage", {}, "rich message must be non-empty"),
        (
            "sendRichMessage",
            {"rich_message": RICH, "link_preview_options": {}},
            'the stand-in knows no parameter "link_preview_options" here',
        ),
        (
            "sendRichMessage",
            {"rich_message": RICH, "message_thread_id": 1},
            "message thread not found",
        ),
        (
            "sendRichMessage",
            {"rich_message": {"blocks": [*BLOCKS, THINKING]}},
            "Block is not allowed",
        ),
        ("sendRichMessage", {"chat_id": 5, "rich_message": RICH}, "chat not found"),
        (
            "sendRichMessage",
            {"chat_id": 5, "rich_message": {}},
            "rich message must be non-empty",
        ),
        (
            "editMessageText",
            {"text": "a", "rich_message": RICH},
            "either text or rich_message is edited",
        ),
        (
            "editMessageText",
            {"link_preview_options": {}, "rich_message": RICH},
            "either text or rich_message is edited",
        ),
        ("sendMessageDraft", {"draft_id": 0, "text": "a"}, "RANDOM_ID_INVALID"),
        ("sendMessageDraft", {"draft_id": "x", "text": "a"}, "RANDOM_ID_INVALID"),
        ("sendMessageDraft", {"text": "a"}, "RANDOM_ID_INVALID"),
        (
            "sendMessageDraft",
            {"draft_id": 1, "text": "я" * 4097},
            "message is too long",
        ),
        (
            "sendMessageDraft",
            {"draft_id": 1, "text": "a", "message_thread_id": 1},
            "message thread not found",
        ),
        (
            "sendMessageDraft",
            {"draft_id": 1, "text": "a", "reply_markup": {}},
            'the stand-in knows no parameter "reply_markup" here',
        ),
        (
            "sendRichMessageDraft",
            {"draft_id": 1, "rich_message": RICH, "text": "a"},
            'the stand-in knows no parameter "text" here',
        ),
        (
            "sendRichMessageDraft",
            {"draft_id": 1, "rich_message": {"blocks": []}},
            "rich message must be non-empty",
        ),
        *(
            (
                method,
                {"chat_id": STUDY.group_id, "draft_id": 1, **content},
                "TEXTDRAFT_PEER_INVALID",
            )
            for method, content in (
                ("sendMessageDraft", {"text": "a"}),
                ("sendRichMessageDraft", {"rich_message": RICH}),
            )
        ),
    ],
)
def test_call_with_what_telegram_would_refuse_or_lose_is_refused(
    telegram, method, arguments, description
):
    sent = call_api(telegram, "sendMessage", chat_id=1001, text="a")[1]
    about = {"message_id": sent["message_id"]} if method.startswith("edit") else {}
    call = {"chat_id": 1001, **about, **arguments}
    assert refuse(telegram, method, **call) == description
    assert (len(telegram.log("anna")), telegram.draft("anna")) == (1, None)


def test_stand_in_of_the_demo_refuses_too():
    with server.TelegramStandIn() as standin:
        address = f"http://127.0.0.1:{standin.port}/bot{standin.token}"
        call = {"chat_id": 1001, "rich_message": {"blocks": [THINKING]}}
        status, document = fetch(f"{address}/sendRichMessage", call)
    assert (status, document["description"]) == (
        400,
        "Bad Request: Block is not allowed",
    )


def draft(telegram, draft_id=7, chat_id=1001, **fields):
    call = {"chat_id": chat_id, "draft_id": draft_id, "text": "", **fields}
    assert call_api(telegram, "sendMessageDraft", **call) == (200, True)


def test_draft_is_no_message_and_ends_with_the_next_one_of_its_chat_or_topic(telegram):
    draft(telegram)
    assert (telegram.draft("anna").text, telegram.log("anna")) == ("", [])
    draft(telegram, text="Отв")
    draft(telegram, text="Тема", message_thread_id=12)
    draft(telegram, chat_id=1002)
    call_api(telegram, "sendMessage", chat_id=1001, text="Ответ")
    assert telegram.draft("anna") is None
    assert telegram.draft("anna#12").text == "Тема"
    telegram.say("anna#12", "и ещё")
    assert telegram.draft("anna#12") is None
    assert telegram.draft("boris")


def test_rich_message_replies_and_a_draft_may_have_a_negative_number(telegram):
    telegram.say("anna", "Где?")
    asked = telegram.log("anna")[0].message_id
    draft(telegram, -7)
    assert telegram.draft("anna").draft_id == -7
    reply = {"reply_parameters": {"message_id": asked}}
    call = {"chat_id": 1001, "rich_message": RICH, **reply, "protect_content": True}
    _, sent = call_api(telegram, "sendRichMessage", **call)
    assert sent["reply_to_message"]["message_id"] == asked


def test_edit_and_draft_of_another_id_leave_one_draft(telegram):
    sent = call_api(telegram, "sendMessage", chat_id=1001, text="a")[1]
    draft(telegram, 7, text="раз")
    thinking = {"blocks": [THINKING, *BLOCKS]}
    call = {"chat_id": 1001, "draft_id": 8, "rich_message": {**RICH, **thinking}}
    assert call_api(telegram, "sendRichMessageDraft", **call) == (200, True)
    about = {"chat_id": 1001, "message_id": sent["message_id"]}
    call_api(telegram, "editMessageText", **about, text="b")
    shown = telegram.draft("anna")
    assert (shown.draft_id, shown.text) == (8, "Думаю\nИтог\n•\nраз")


def test_client_of_the_bot_sends_drafts_and_rich_messages(telegram, call):
    stops = {"can_stop": True}
    call(lambda bot: bot.send_message_draft(1001, 7, "Отв", api_kwargs=stops))
    assert (telegram.draft("anna").text, telegram.draft("anna").can_stop) == (
        "Отв",
        True,
    )
    fields = {"chat_id": 1001, "rich_message": RICH}
    sent = call(
        lambda bot: bot.do_api_request(
            "sendRichMessage", api_kwargs=fields, return_type=Message
        )
    )
    assert (sent.text, telegram.draft("anna")) == (None, None)
    assert sent.api_kwargs["rich_message"]["blocks"][0] == BLOCKS[0]


def test_draft_dies_unless_it_is_refreshed(telegram):
    draft(telegram, text="Отв")
    telegram.act(lambda actions: setattr(actions.world, "draft_life_s", 0.0))
    assert telegram.draft("anna") is None


@pytest.mark.parametrize("stays", [False, True])
def test_stop_tells_a_bot_that_asked_for_it(telegram, stays):
    kinds = ["message", "stopped_message_generation"]
    call_api(telegram, "getUpdates", allowed_updates=kinds)
    draft(telegram, 7, can_stop=True, keep_on_stop=stays, message_thread_id=12)
    telegram.stop_generation("anna#12")
    stopped = telegram.pending()[-1]["stopped_message_generation"]
    assert stopped.pop("chat")["id"] == 1001
    assert stopped == {"draft_id": 7, "message_thread_id": 12}
    assert bool(telegram.draft("anna#12")) is stays


def test_stop_tells_nothing_to_a_bot_that_did_not_ask(telegram):
    draft(telegram, can_stop=True)
    telegram.stop_generation("anna")
    assert telegram.pending() == []


@pytest.mark.parametrize("shown", [True, False])
def test_draft_without_stop_and_no_draft_cannot_be_stopped(telegram, shown):
    if shown:
        draft(telegram)
    with pytest.raises(Refused, match="nothing here can be stopped"):
        telegram.stop_generation("anna")
