"""Records of other programs' trees: one reader a form, each from parsed JSON, YAML or XML.

A reader yields records as `merlin.dataset.import_records` reads them, each with the line that its
tree knows, else 1, and counts in `left` what it leaves out. What another type stands for is absent.

Source: "Export chat history" of Telegram Desktop; ChatGPT's "Export data"; Rasa's "Training Data
Format"; Dialogflow ES's export; "Moodle XML format"; Label Studio's "JSON"; FAQPage of schema.org.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, filterfalse, takewhile
from typing import Any, NamedTuple

from merlin.dataset.import_fields import FEW
from merlin.dataset.import_texts import html_text

Left = Counter[str]
Record = dict[str, Any]
TreeReader = Callable[[Any, Left], Iterator[tuple[int, Record]]]


def find_all(value: Any, path: str) -> list[Any]:
    """Return the values at a path of keys, separated by spaces; lists are entered."""
    found = value if isinstance(value, list) else [value]
    for key in path.split():
        inner = (each[key] for each in found if isinstance(each, dict) and key in each)
        found = [
            *chain.from_iterable(
                each if isinstance(each, list) else [each] for each in inner
            )
        ]
    return found


def _list_texts(value: Any, path: str) -> list[str]:
    return [
        each for each in find_all(value, path) if isinstance(each, str) and each.strip()
    ]


def _find_text(value: Any, path: str) -> str:
    return next(iter(_list_texts(value, path)), "")


def _find_maps(value: Any, path: str) -> list[Record]:
    return [each for each in find_all(value, path) if isinstance(each, dict)]


# What a message or a record cannot be understood without.
MEDIA_KEYS = (
    *(
        "image",
        "images",
        "imageurl",
        "video",
        "videos",
        "audio",
        "audios",
        "photo",
        "photos",
    ),
    *("picture", "pictures", "screenshot", "screenshots", "attachment", "attachments"),
    *("изображение", "картинка", "фото", "скриншот", "вложение", "вложения"),
)
# What has another meaning in a record.
_MEDIA_OF_CHATS = (
    "file",
    "files",
    "media_type",
    "poll",
    "location_information",
    "contact_information",
)


def _picture_in(message: Record) -> str:
    """Return a picture in Markdown if a message has one, or another part that is no text."""
    has_media = any(
        value and key.casefold() in (*MEDIA_KEYS, *_MEDIA_OF_CHATS)
        for key, value in message.items()
    )
    return "![](…)" if has_media else ""


def _join_turns(turns: Iterable[tuple[str, list[Any]]], left: Left) -> list[Record]:
    """Return the messages from the first question to the last answer, those of a role joined."""
    joined = list[Record]()
    for role, content in turns:
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"] += content
        elif joined or role == "user":
            joined.append({"role": role, "content": [*content]})
        else:
            left["messages"] += 1
    if joined and joined[-1]["role"] == "user":
        left["messages"] += 1
        joined.pop()
    return joined


# Kind of a part of a message -> how Markdown writes it; other kinds are plain.
_TELEGRAM_MARKS = {
    "text_link": "[{text}]({href})",
    "code": "`{text}`",
    "pre": "```{language}\n{text}\n```",
}


def _telegram_text(message: Record) -> str:
    parts = find_all(message.get("text"), "")
    maps = (each if isinstance(each, dict) else {"text": each or ""} for each in parts)
    texts = (
        _TELEGRAM_MARKS.get(str(each.get("type")), "{text}").format_map(
            defaultdict(str, each)
        )
        for each in maps
    )
    return "".join(texts).strip()


# Thanks and goodbyes, which end a talk; "Clear?" asks.
_COURTESY = re.compile(
    r"(?i)\b(?:(?:(?:больш|огромн)ое |заранее )?спасибо|спс|благодар(?:ю|им)|пожалуйста|не за что"
    r"|обращайтесь|вам|тебе|рад[аы]? (?:был[аи]? )?помочь|понял[аи]?|понятно|ясно|ок(?:ей)?"
    r"|(?:за|и вам|и тебе) (?:ответ|помощь|того же)|до свидания|всего (?:доброго|хорошего)"
    r"|хорошего (?:дня|вечера)|большое|огромное|thanks?|thx|you(?:'re)?|(?:very|so) much|a lot"
    r"|welcome|(?:good)?bye|have a (?:nice|good|great) day|ok(?:ay)?|got it)\b(?!\s*\?)"
)
# Two people may answer each other for a year.
_MAX_TURNS = 20


class _Turn(NamedTuple):
    """What one person writes in a row: after which turn, -1 for none, and whether it replies."""

    name: str
    sender: str
    to: int
    replies: bool
    texts: list[str]
    media: list[str]


def read_chat(tree: Any, left: Left) -> Iterator[tuple[int, Record]]:
    """Yield each question with what one person answers, after the turns before it.

    Who of them answers is for a person to say: `answers by` has the name. It is one of the FEW who
    answer most.
    """
    answers = [
        answer
        for talk in _find_maps(tree, "chats list") or [tree]
        for answer in _list_answers(_find_maps(talk, "messages"), left)
    ]
    shares = Counter(said[-1].name for said in answers)
    named = {name for name, _ in shares.most_common(FEW)}
    for said in answers:
        if said[-1].name not in named:
            left["messages"] += 1
            continue
        sender = said[-1].sender
        roles = ("assistant" if turn.sender == sender else "user" for turn in said)
        texts = (["\n".join(turn.texts)] for turn in said)
        talk = _join_turns(zip(roles, texts, strict=True), Left())
        yield 1, {"messages": talk, "answers by": said[-1].name}


def _list_answers(messages: list[Record], left: Left) -> Iterator[list[_Turn]]:
    """Yield the turns of each question, after those before it, with the answer of one person."""
    turns = _list_turns(messages, left)
    answers = defaultdict[tuple[int, str], list[_Turn]](list)
    for turn in turns:
        if turn.to < 0 or turns[turn.to].sender == turn.sender:
            continue
        if turn.media or turns[turn.to].media:
            left["pictures"] += 1
        else:
            answers[turn.to, turn.sender].append(turn)
    used = set[int]()
    for (to, sender), given in answers.items():
        said = [*_list_before(to, sender, turns), *given]
        used.update(map(id, said))
        yield said
    others = (turn for turn in turns if id(turn) not in used and not turn.media)
    left["messages"] += sum(len(turn.texts) for turn in others)


def _list_turns(messages: list[Record], left: Left) -> list[_Turn]:
    """Return the turns; what replies to nothing follows the one before if two talk, or it asks."""
    # Some begin with the newest.
    messages = sorted(messages, key=lambda each: each.get("id") or 0)
    senders = {
        str(each.get("from_id") or each.get("from"))
        for each in messages
        if _is_said(each)
    }
    are_two = len(senders) <= len(("who asks", "who answers"))
    are_two = are_two or not any(map(_replied_to, messages))
    turns = list[_Turn]()
    places = dict[Any, int]()
    last_sender = ""
    for message in filter(_is_said, messages):
        sender = str(message.get("from_id") or message.get("from"))
        text = _telegram_text(message)
        media = _picture_in(message)
        is_next = last_sender == sender
        is_courtesy = not media and not re.search(r"\w", _COURTESY.sub("", text))
        last_sender = "" if is_courtesy and not is_next else sender
        if is_courtesy:
            left["courtesies"] += 1
            continue
        replied = _replied_to(message)
        before = len(turns) - 1
        is_asked = bool(turns) and (are_two or "?" in turns[-1].texts[-1])
        to = places.get(replied, -1) if replied else before if is_asked else -1
        if not (turns and is_next and (not replied or to in (before, turns[-1].to))):
            name = str(message.get("from") or sender)
            turns.append(_Turn(name, sender, to, bool(replied), [], []))
        turns[-1].texts.append(text)
        turns[-1].media.extend(filter(None, [media]))
        places[message.get("id")] = len(turns) - 1
    left["messages"] += sum(not _is_said(each) for each in messages)
    return turns


def _is_said(message: Record) -> bool:
    has_text = bool(_telegram_text(message) or _picture_in(message))
    return message.get("type", "message") == "message" and has_text


def _replied_to(message: Record) -> Any:
    return message.get("reply_to_message_id") or next(
        iter(find_all(message, "reply_message id")), None
    )


def _list_before(at: int, sender: str, turns: Sequence[_Turn]) -> list[_Turn]:
    """Return the turns up to one: a sender and others by turns, as far as all is text."""
    path = [turns[at]]
    while path[-1].to >= 0 and len(path) < _MAX_TURNS:
        before = turns[path[-1].to]
        is_other = not path[-1].replies and turns[before.to].sender != path[-1].sender
        if before.sender == sender and before.to >= 0 and is_other:
            break  # what was said to another person, without a reply to it
        if before.media or (before.sender == sender) == (path[-1].sender == sender):
            break
        path.append(before)
    return path[::-1]


def read_chatgpt(tree: Any, left: Left) -> Iterator[tuple[int, Record]]:
    """Yield the conversation that the tree of turns ends in, of its person and its assistant."""
    nodes = tree["mapping"]
    at = str(tree.get("current_node") or next(reversed(nodes), ""))
    path = dict[str, Record]()
    while at in nodes and at not in path:
        path[at] = nodes[at].get("message") or {}
        at = str(nodes[at].get("parent"))
    others = (node for key, node in nodes.items() if key not in path)
    left["messages"] += sum(
        any(find_all(node, "message content parts")) for node in others
    )
    turns = list[tuple[str, list[Any]]]()
    for message in reversed(path.values()):
        role = _find_text(message, "author role")
        parts = find_all(message, "content parts")
        is_hidden = True in find_all(
            message, "metadata is_visually_hidden_from_conversation"
        )
        is_said = (
            role in ("user", "assistant") and message.get("recipient", "all") == "all"
        )
        if is_said and not is_hidden and any(parts):
            turns.append((role, parts))
        else:
            left["messages"] += any(parts) or role == "tool"
    if messages := _join_turns(turns, left):
        yield 1, {"messages": messages}


def read_librechat(tree: Any, left: Left) -> Iterator[tuple[int, Record]]:
    """Yield the conversation that ends in the newest message of its person and its assistant.

    The messages are a tree of `children`, or a list with the id of each one's parent.
    """
    waiting = _find_maps(tree, "messages")
    nodes = dict[str, Record]()
    for message in waiting:
        waiting += _find_maps(message, "children")
        text = message.get("text") or "\n".join(_list_texts(message, "content text"))
        parts = (
            []
            if message.get("error")
            else [*filter(None, [text, _picture_in(message)])]
        )
        role = "user" if message.get("isCreatedByUser") else "assistant"
        said = {"author": {"role": role}, "content": {"parts": parts}}
        nodes[str(message.get("messageId"))] = {
            "parent": message.get("parentMessageId"),
            "message": said,
        }
        left["messages"] += bool(message.get("error"))
    yield from read_chatgpt({"mapping": nodes}, left)


def read_label_studio(tree: Any, left: Left) -> Iterator[tuple[int, Record]]:
    """Yield a task's data with each text that an annotator wrote, and with each verdict."""
    for note in _find_maps(tree, "annotations") + _find_maps(tree, "completions"):
        if note.get("was_cancelled"):
            left["annotations"] += 1
            continue
        values = {
            "answer": _find_text(note, "result value text"),
            "label": _find_text(note, "result value choices"),
            "rating": next(iter(find_all(note, "result value rating")), ""),
        }
        yield (
            1,
            tree["data"] | {key: value for key, value in values.items() if value != ""},
        )


def read_faq_page(tree: Any, _left: Left) -> Iterator[tuple[int, Record]]:
    """Yield the questions of schema.org's FAQPage with their accepted answers."""
    for question in _find_maps(tree, "mainEntity"):
        answer = _find_text(question, "acceptedAnswer text")
        yield 1, {"question": question.get("name"), "answer": answer}


class JsonForm(NamedTuple):
    """A form of JSON: the path of keys that no other has, and the reader of its tree."""

    name: str
    sign: str
    read: TreeReader


JSON_FORMS = (
    JsonForm("chatgpt", "mapping", read_chatgpt),
    JsonForm("vk", "conversation peer", read_chat),
    JsonForm("telegram", "messages date", read_chat),
    JsonForm("telegram", "chats list", read_chat),
    JsonForm("librechat", "messages isCreatedByUser", read_librechat),
    JsonForm("label-studio", "annotations result", read_label_studio),
    JsonForm("label-studio", "completions result", read_label_studio),
    JsonForm("faq-page", "mainEntity acceptedAnswer", read_faq_page),
)


def _ask(
    questions: list[str], answers: list[list[str]], left: Left
) -> Iterator[tuple[int, Record]]:
    """Yield one record of an intent; of each part of its answer the first wording.

    None without a question or an answer.
    """
    parts = [each for each in answers if each]
    if questions and parts:
        left["wordings"] += sum(map(len, parts)) - len(parts)
        yield 1, {"question": questions, "answer": "\n".join(each[0] for each in parts)}
    else:
        left["questions"] += len(questions)


# The value of a slot or a parameter, of Rasa and Dialogflow: another one in each conversation.
_SLOT = re.compile(r"\{\w+\}|\$[a-z][\w.-]*|#[a-z][\w-]*\.\w", re.IGNORECASE)
# Each bracket is looked for up to the next one that opens.
_RASA_ENTITY = re.compile(r"\[([^\[\]\n]+)\](?:\([^()\n]*\)|\{[^{}\n]*\})")


def read_rasa(tree: Any, left: Left) -> Iterator[tuple[int, Record]]:
    """Yield the examples of each intent with the response of its rule, else of the same name.

    `tree` is all files of a project together.
    """
    follow = dict[str, list[str]]()
    responses = defaultdict[str, list[Record]](list)
    for each in _find_maps(tree, "responses"):
        for action, said in each.items():
            responses[action] += _find_maps(said, "")
    for story in _find_maps(tree, "rules") + _find_maps(tree, "stories"):
        if story.get("condition"):
            left["conditional"] += 1
            continue
        first, *steps = _find_maps(story, "steps") or [{}]
        said = takewhile(lambda step: "action" in step, steps)
        follow.setdefault(
            str(first.get("intent")), [str(step["action"]) for step in said]
        )
    for each in _find_maps(tree, "nlu"):
        name = each.get("intent")
        written = each.get("examples")
        lines = (
            written.splitlines()
            if isinstance(written, str)
            else find_all(each, "examples text")
        )
        asked = [
            _RASA_ENTITY.sub(r"\1", line.strip().removeprefix("-").strip())
            for line in lines
        ]
        if name is None:  # synonyms, regular expressions, tables of words
            left["other"] += 1
            continue
        actions = follow.get(name) or [f"utter_{name}"]
        answers = [_list_rasa_texts(responses[action], left) for action in actions]
        yield from _ask([*filter(None, asked)], answers, left)


def _list_rasa_texts(said: list[Record], left: Left) -> list[str]:
    """Return the wordings of a response that are said without a condition, in every channel."""
    plain = [
        each
        for each in said
        if not each.get("condition")
        and not each.get("channel")
        and not _SLOT.search(str(each.get("text")))
    ]
    left["conditional"] += len(said) - len(plain)
    return [f"{each.get('text') or ''} {_picture_in(each)}".strip() for each in plain]


def read_dialogflow(tree: Any, left: Left) -> Iterator[tuple[int, Record]]:
    """Yield the phrases of each intent with its answer in the same language; `tree` is by file."""
    phrases_of = defaultdict[str, Record](dict)
    for file, value in tree.items():
        stem, _, language = file.removesuffix(".json").rpartition("_usersays_")
        phrases_of[stem][language] = value
    for name, intent in tree.items():
        messages = _find_maps(intent, "responses messages")
        is_off = find_all(intent, "priority")[:1] == [-1]
        if is_off or True in find_all(intent, "fallbackIntent"):
            left["disabled"] += 1
            continue
        said = phrases_of.get(name.removesuffix(".json"), {})
        if intent_is_follow_up := any(find_all(intent, "contexts")):
            left["follow-ups"] += len(messages)
        for language, phrases in said.items():
            asked = [
                "".join(map(str, find_all(each, "data text")))
                for each in find_all(phrases, "")
            ]
            own = [each for each in messages if each.get("lang", language) == language]
            answers = [
                [*filter(None, [_picture_in(each)])]
                or [*filterfalse(_SLOT.search, _list_texts(each, "speech"))]
                for each in own
            ]
            if not intent_is_follow_up:
                yield from _ask(asked, answers, left)


def _moodle_text(element: Any) -> str:
    """Return a text as people see it, with a sign for each file that is attached to it."""
    files = find_all(element, "file")
    return html_text(_find_text(element, "text #") + " @@PLUGINFILE@@" * len(files))


_WHOLE = 100  # percent
# Gaps, and formulas with other numbers each time.
_MOODLE_OTHERS = (
    "cloze",
    "multianswer",
    "calculated",
    "calculatedsimple",
    "calculatedmulti",
)


def read_moodle(tree: Any, left: Left) -> Iterator[tuple[int, Record]]:
    """Yield the questions of a quiz that have right answers, several in lines.

    An answer that is right alone leaves out those that are right in part. A short answer has other
    wordings: the first is taken. Those for "*" are of no wording.
    """
    for question in _find_maps(tree, "quiz question"):
        kind = question.get("@type")
        if _find_text(question, "hidden #") == "1":
            left["disabled"] += 1
            continue
        answers = [
            (float(each.get("@fraction") or 0), _moodle_text(each))
            for each in _find_maps(question, "answer")
        ]
        whole = [each for each in answers if each[0] == _WHOLE] or answers
        right = [text for share, text in whole if share > 0 and text not in ("", "*")]
        if kind in ("shortanswer", "numerical", "truefalse"):
            right = right[:1]
        right += (
            f"{_moodle_text(each)} — {_moodle_text(find_all(each, 'answer'))}"
            for each in _find_maps(question, "subquestion")
        )
        left["choices"] += len(answers) - len(right) if right and answers else 0
        asked = _moodle_text(find_all(question, "questiontext"))
        if asked and right and kind not in _MOODLE_OTHERS:
            yield (
                int(question.get("@line") or 1),
                {"question": asked, "answer": "\n".join(right)},
            )
        else:
            left["questions"] += kind != "category"
