"""Joined messages, edits, quotes, forwards: what the model receives."""

from dataclasses import replace

import pytest

from merlin.bot.updates import (
    COMMENT_WAIT_S,
    WAIT_S,
    get_wait_s,
    is_continuation,
    joined_text,
)
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.received import HIDDEN_AUTHOR, message_body, received
from tests.bot.running_bot import (
    PHOTO,
    RunningBot,
    answer_texts,
    count_charged,
    count_updates_by_state,
    kill_bot_at,
    read_questions,
    run_and_wait,
    russian_text,
    wait_until_ended,
)

pytestmark = pytest.mark.functional

# Ten messages of at most 4,096 characters.
PASTE = "\n".join(f"Строка {n}: {'слово ' * 12}конец." for n in range(430))


def test_paste_of_ten_parts_is_one_question_with_one_answer(
    telegram, provider, media_bot
):
    parts = telegram.paste("anna", PASTE)
    wait_until_ended(telegram, media_bot, len(parts))
    assert len(parts) == 10
    assert len(answer_texts(telegram, "anna")) == 1
    (question,) = read_questions(provider)
    assert question.split() == PASTE.split()
    assert count_charged(media_bot) == {"text": 1}


@pytest.mark.parametrize("point", ["update.stored", "answer.sent"])
def test_paste_is_one_question_after_a_kill(telegram, provider, media, tmp_path, point):
    parts = telegram.paste("anna", PASTE)
    kill_bot_at(point, replace(media, plans=()), tmp_path / "log")
    with RunningBot(media):
        wait_until_ended(telegram, media, len(parts))
    assert len([text for text in answer_texts(telegram, "anna") if text != "…"]) == 1
    assert {len(question.split()) for question in read_questions(provider)} == {
        len(PASTE.split())
    }
    assert count_updates_by_state(media) == {"answered": 10}


SHORT_RICH = {"blocks": [{"type": "paragraph", "text": "Поясни это:"}]}
LONG_RICH = {"blocks": [{"type": "paragraph", "text": "ы" * 5000}]}


def message(number, text="", date=100, user_id=1, **fields):
    return received(number, **message_body(user_id, text, date=date, **fields))


@pytest.mark.parametrize(
    ("second", "is_part"),
    [
        (message(2, "конец", 101), True),
        (message(2, "конец", 160), False),
        (message(2, "/clear", 100), False),
        (message(2, "/usr/bin/python", 100), True),
        (message(2, "конец", 100, user_id=2), False),
    ],
)
def test_message_right_after_a_long_one_is_its_continuation(second, is_part):
    assert is_continuation(second, message(1, "ы" * 4000)) is is_part
    assert not is_continuation(second, message(1, "ы" * 400))


def forwarded(number, *content, **fields):
    return message(number, *content, forward_origin=HIDDEN_AUTHOR, **fields)


@pytest.mark.parametrize(
    ("first", "second", "is_part"),
    [
        (
            message(1, "Что это?"),
            forwarded(2, "стек"),
            True,
        ),
        (message(1, "Что это?"), forwarded(2, ""), True),
        (
            message(1, "Что это?"),
            forwarded(2, "стек", 160),
            False,
        ),
        (
            message(1, "Что?"),
            forwarded(2, "стек", user_id=2),
            False,
        ),
        (message(1, "/new"), forwarded(2, "стек"), False),
        (message(1, ""), forwarded(2, "стек"), False),
        (message(1, "Что это?"), message(2, "А это?"), False),
        (forwarded(1, "слово"), forwarded(2, "/new"), True),
        (forwarded(1, "слово"), forwarded(2, "слово", 160), False),
        (forwarded(1, "слово"), forwarded(2), False),
        (forwarded(1, "слово"), message(2, "слово"), False),
    ],
)
def test_forward_belongs_to_the_comment_right_before_it(first, second, is_part):
    assert is_continuation(second, first) is is_part


def test_parts_are_joined_by_a_line_end_unless_a_word_was_split():
    parts = [forwarded(2, "", rich_message=LONG_RICH), forwarded(3, "стек")]
    assert joined_text("Поясни:", parts) == f"Поясни:\n{'ы' * 5000}\nстек"
    assert joined_text("ы" * 4096, [message(2, "стек")]) == f"{'ы' * 4096}стек"


@pytest.mark.parametrize(
    ("update", "wait_s"),
    [
        (message(1, "ы" * 4000), WAIT_S),
        (forwarded(1, "слово"), WAIT_S),
        (message(1, "Поясни, пожалуйста:"), COMMENT_WAIT_S),
        (message(1, "What does this mean?"), COMMENT_WAIT_S),
        (message(1, "О чём этот текст?"), COMMENT_WAIT_S),
        (message(1, "/new this"), 0),
        (message(1, "", rich_message=LONG_RICH), 0),
        (message(1, "", rich_message=SHORT_RICH), COMMENT_WAIT_S),
        (message(1, "Что такое стек?"), 0),
        (message(1, "Что такое поэтапность?"), 0),
        (message(1, "Что это?", chat={"id": -5, "type": "group"}), 0),
    ],
)
def test_only_what_may_go_on_waits(update, wait_s):
    assert get_wait_s(update) == wait_s


def run_after(telegram, settings, *messages):
    """Let a bot answer messages of anna that Telegram delivers together; return its messages."""

    def act(acting):
        for number, fields in enumerate(messages, 1):
            body = message_body(
                ANNA, **{"message_id": number, "date": SENT_AT, **fields}
            )
            acting.world.add_update(
                "message", {k: v for k, v in body.items() if v != ""}
            )

    telegram.act(act)
    return run_and_wait(telegram, settings, lambda: None, len(messages))


ANNA = 1001
SENT_AT = 1796010000
PHOTO_SIZES = {
    "photo": [{"file_id": "f1", "file_unique_id": "u1", "width": 9, "height": 9}]
}


def test_comment_and_what_it_was_forwarded_with_are_one_question(
    telegram, provider, media
):
    forwarded = [
        {"text": f"Часть {n}.", "forward_origin": HIDDEN_AUTHOR} for n in range(2)
    ]
    run_after(telegram, media, {"text": "Поясни, пожалуйста:"}, *forwarded)
    assert read_questions(provider) == ["Поясни, пожалуйста:\nЧасть 0.\nЧасть 1."]
    assert count_charged(media) == {"text": 1}


def test_photo_forwarded_with_a_comment_is_what_the_comment_asks_about(telegram, media):
    photo = {"forward_origin": HIDDEN_AUTHOR, **PHOTO_SIZES}
    # It was looked for: the stand-in has no such file.
    answers = run_after(telegram, media, {"text": "Что здесь?"}, photo)
    assert answers == [russian_text("media-not-found")]


def test_albums_whose_parts_alternate_are_a_question_each(telegram, provider, media):
    for n, album in enumerate(["A", "B", "A", "B"]):
        photo = Upload(f"{n}.png", "image/png", PHOTO + bytes([n]))
        telegram.send_file(
            "anna", photo, kind="photo", caption=f"{album}?" * (n < 2), album=album
        )
    assert len(run_and_wait(telegram, media, lambda: None, 4)) == 2
    questions = [
        (question["text"], len(rest)) for question, *rest in read_questions(provider)
    ]
    assert questions == [("A?", 2), ("B?", 2)]
    assert count_charged(media) == {"photo": 2}


# Options of an old Bot API server, which know no `persistent_id`.
OLD_POLL = {
    "id": "1",
    "question": "?",
    "options": [{"text": "A", "voter_count": 0}],
    "type": "x",
}
VIDEO = {"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1, "duration": 1}
LINK = {"type": "text_link", "offset": 0, "length": 4, "url": "https://a.org/стек"}


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"text": "Что это?", "poll": OLD_POLL}, "Что это?\n\n?\n- A"),
        (
            {
                "text": "Что?",
                "reply_to_message": message_body(ANNA, poll=OLD_POLL),
            },
            "> ?\n> - A\n\nЧто?",
        ),
        ({"text": "Что?", "external_reply": {"poll": OLD_POLL}}, "> ?\n> - A\n\nЧто?"),
        ({"poll": OLD_POLL}, "?\n- A"),
        (
            {"checklist": {"title": "Do", "tasks": [{"id": 1, "text": "?"}]}},
            "Do\n- [ ] ?",
        ),
        ({"text": "Стек?", "entities": [LINK]}, "Стек (https://a.org/стек)?"),
        (
            {"text": "/new", "forward_origin": HIDDEN_AUTHOR, "entities": [LINK]},
            "/new (https://a.org/стек)",
        ),
        (
            {
                "text": "?",
                "reply_to_message": message_body(ANNA, "Стек", entities=[LINK]),
            },
            "> Стек (https://a.org/стек)\n\n?",
        ),
        (
            {"text": "?", "quote": {"text": "Стек", "position": 0, "entities": [LINK]}},
            "> Стек (https://a.org/стек)\n\n?",
        ),
    ],
)
def test_what_can_be_read_of_a_message_is_asked(
    telegram, provider, media, fields, asked
):
    assert len(run_after(telegram, media, fields)) == 1
    assert read_questions(provider) == [asked]


@pytest.mark.parametrize(
    ("fields", "answers"),
    [
        ({"video": VIDEO}, ["media-other"]),
        ({"hologram": {"file_id": "of 2030"}}, ["media-other"]),
        ({"pinned_message": message_body(ANNA, "стек")}, []),
    ],
)
def test_unknown_kind_of_message_gets_a_sentence_and_an_event_none(
    telegram, media, fields, answers
):
    assert run_after(telegram, media, fields) == [russian_text(key) for key in answers]


def test_edit_of_a_question_changes_nothing(telegram, provider, anna):
    anna.say("Что такое лоб?")
    edited = {**telegram.log("anna")[0].message, "text": "Что такое висок?"}
    telegram.act(lambda acting: acting.world.add_update("edited_message", edited))
    anna.say("Что такое нос?")
    assert read_questions(provider) == ["Что такое лоб?", "Что такое нос?"]


def test_reply_includes_the_quoted_message(provider, anna):
    answer = anna.say("Что такое лоб?").message_id
    anna.say("Почему?", reply_to=answer)
    anna.say("А это?", reply_to=answer, quote="«Что такое лоб?»")
    _, prompt, picked = read_questions(provider)
    assert prompt.startswith("> Я демо-модель")
    assert prompt.endswith("\n\nПочему?")
    assert picked == "> «Что такое лоб?»\n\nА это?"


def test_forwarded_command_is_a_question(telegram, provider, media):
    (answer,) = run_and_wait(
        telegram,
        media,
        lambda: telegram.forward_words("anna", [("boris", "/clear everything")]),
    )
    assert read_questions(provider) == ["/clear everything"]
    assert "/clear everything" in answer


def test_forwarded_chat_is_one_question(telegram, provider, media_bot):
    messages = [("boris", f"Часть {number}?") for number in range(12)]
    telegram.forward_words("anna", messages)
    wait_until_ended(telegram, media_bot, 12)
    assert read_questions(provider)[-1] == "\n".join(text for _, text in messages)
    assert count_updates_by_state(media_bot) == {"answered": 12}
