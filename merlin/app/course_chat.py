"""Talks on a course's pages: kept, listed, and answered as a bot's are (`merlin.app.ask`).

Each course is a topic of its own of the person's chat with no bot, so that talks about it are found
by their place. A question is stored with what it reserves, its answer with what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from merlin.app import feedback, lineage, proposals, sessions, unanswered
from merlin.app.actor import Actor
from merlin.app.ask import (
    ABANDONED,
    Answer,
    ChatQuestion,
    Talk,
    cost_of,
    finish,
    open_talk,
    stored_answer,
    used_tokens,
)
from merlin.app.context import Context
from merlin.app.permissions import may_edit_examples
from merlin.app.sessions import SessionView, TurnView
from merlin.chat.answer import Ending, Reply
from merlin.chat.feedback import Rating
from merlin.chat.grounding import Source, find_passage
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.sessions import ChatPlace, Sessions, WindowCounter, title_of
from merlin.chat.turns import Question, Turn, Turns
from merlin.core.errors import NotFound, Refused
from merlin.course.catalogue import Course
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.example import parse_example
from merlin.dataset.proposals import MAX_CHARACTERS, Proposal, Proposals
from merlin.db.processes import Heartbeats
from merlin.training.models import Serving, find_origin

MAX_TALKS = 50
STARTERS, MAX_STARTER_LENGTH = 3, 90
# Of so many examples the starters are taken, and the next ones after them.
_LOOKED_AT = 12
# What stands in a turn's `offer`: the answer may be had in full.
STOPPED = "stopped"
# What a person does with an answer.
Judgement = Literal["up", "down", "allow", "correct", "tell"]


@dataclass(frozen=True, slots=True)
class Starters:
    """Questions to begin with; `before` leads to other ones."""

    questions: Sequence[str]
    before: int


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """Where an answer is from: taught examples by their questions, as (id, question).

    `is_said`: they taught this very answer; else they are the nearest ones. `may_edit`: the person
    may open them. `passage` is where the course tells of it, None for nowhere.
    """

    turn: int
    examples: Sequence[tuple[str, str]]
    is_said: bool
    may_edit: bool
    passage: Source | None


@dataclass(frozen=True, slots=True)
class CourseTalk:
    """One talk: its turns, model -> build of who answered, and what the person sent to editors.

    `corrections` are by turn; `source` is that of one turn, None where no model answered it.
    """

    session_id: int
    turns: Sequence[TurnView]
    builds: Mapping[str, str]
    corrections: Mapping[int, Proposal]
    source: AnswerSource | None


@dataclass(frozen=True, slots=True)
class CourseChat:
    """What a course's chat shows: who answers, the person's talks, the open one or starters.

    A question older than `oldest_pending` gets no answer any more.
    """

    serving: Serving | None
    talks: Sequence[SessionView]
    talk: CourseTalk | None
    starters: Starters
    has_consent: bool
    oldest_pending: datetime


def place_of(actor: Actor, course: Course) -> ChatPlace:
    """Return where somebody's talks about a course are kept."""
    return ChatPlace(actor.user_id, actor.user_id, course.course_id, course.dataset)


def list_talks(ctx: Context, actor: Actor, course: Course) -> list[SessionView]:
    """Return the actor's talks about a course, the newest used first."""
    return sessions.recent(ctx, actor, MAX_TALKS, place=place_of(actor, course))


def read_chat(
    ctx: Context,
    actor: Actor,
    course: Course,
    session_id: int = 0,
    *,
    source_of: int = 0,
    before: int = 0,
) -> CourseChat:
    """Return a course's chat; `session_id` 0: no talk is open. Raises NotFound."""
    serving = ModelCatalogue(ctx.db).serving(course.dataset)
    talk, offered = None, Starters([], 0)
    if session_id:
        talk = read_talk(ctx, actor, course, session_id, source_of)
    elif serving is not None:
        offered = starters(ctx, actor, course.dataset, before)
    talks = list_talks(ctx, actor, course) if actor.user_id else []
    consent = proposals.has_consent(ctx, actor)
    return CourseChat(serving, talks, talk, offered, consent, _oldest_pending(ctx))


def _oldest_pending(ctx: Context) -> datetime:
    """Return since when a question may still be answered: what its process was asked, dies with it.

    Where no process has spoken yet, as long as an answer may take.
    """
    now = ctx.clock()
    beats = [each for each in Heartbeats(ctx.db).all() if each.process == "api"]
    begun = min((beat.since for beat in beats if beat.is_alive(now)), default=now - ABANDONED)
    return max(begun, now - ABANDONED)


def read_talk(
    ctx: Context, actor: Actor, course: Course, session_id: int, source_of: int = 0
) -> CourseTalk:
    """Return a talk; `source_of` is the turn whose source is told, 0: the newest.

    Raises NotFound.
    """
    if Sessions(ctx.db, ctx.bot_id).find(place_of(actor, course), session_id) is None:
        raise NotFound("no such session", "session-unknown")
    turns = sessions.counted_turns(ctx, session_id)
    models = {turn.model for turn in turns if turn.model}
    origins = {model: find_origin(ctx.db, model) for model in models}
    newest = next((turn.id for turn in reversed(turns) if turn.answer), 0)
    shown_turn = next((turn for turn in turns if turn.id == (source_of or newest)), None)
    proposed = Proposals(ctx.db, ctx.clock).of_user(actor.user_id)
    return CourseTalk(
        session_id,
        turns,
        {model: origin.build for model, origin in origins.items() if origin is not None},
        {each.draft.turn_id: each for each in proposed},
        _source(ctx, actor, shown_turn) if shown_turn is not None and shown_turn.model else None,
    )


def _source(ctx: Context, actor: Actor, turn: TurnView) -> AnswerSource | None:
    source = lineage.find_source(ctx, actor, turn.id)
    if source.origin is None or turn.known is False:
        return None
    dataset, entries = source.origin.dataset, ExampleEntries(ctx.db)
    examples = []
    for example_id in source.said_by or source.nearest:
        example = parse_example(entries.text(dataset, example_id))
        if example is not None:
            examples.append((example_id, example.question))
    may_edit = may_edit_examples(ctx, actor, dataset)
    text = f"{turn.question}\n{turn.answer}"
    passage = find_passage(ctx.db, ctx.passages, dataset, text)
    return AnswerSource(turn.id, examples, bool(source.said_by), may_edit, passage)


def starters(ctx: Context, actor: Actor, dataset: str, before: int = 0) -> Starters:
    """Return questions that a dataset teaches, newest change first; after the last the first."""
    taught = ExampleFilter(split="train")
    found = ExampleEntries(ctx.db).find(dataset, taught, _LOOKED_AT, before)
    questions: list[str] = []
    for entry in found:
        example = parse_example(entry.text)
        if example and len(example.question) <= MAX_STARTER_LENGTH:
            questions.append(example.question)
        if len(questions) == STARTERS:
            return Starters(questions, entry.number)
    if before and not questions:
        return starters(ctx, actor, dataset)
    return Starters(questions, 0)


def find_question(ctx: Context, actor: Actor, turn_id: int) -> Question:
    """Return a question that the actor asked on a page. Raises NotFound."""
    turn = Turns(ctx.db, ctx.bot_id).get(turn_id)
    if turn is None or turn.question.user_id != actor.user_id:
        raise NotFound("no such turn", "turn-unknown")
    return turn.question


def judge(
    ctx: Context,
    actor: Actor,
    course: Course,
    turn_id: int,
    act: Judgement,
    answer: str,
    language: str,
) -> None:
    """Rate an answer, let the editors learn from the actor, send them a better one or the question.

    Raises NotFound, Refused.
    """
    question = find_question(ctx, actor, turn_id)
    match act:
        case "up" | "down":
            feedback.press_rating(ctx, actor, turn_id, Rating(act))
        case "allow":
            proposals.give_consent(ctx, actor)
        case "correct":
            feedback.rate(ctx, actor, turn_id, Rating.DOWN, _fitting(answer), language)
        case "tell":
            unanswered.tell_editors(ctx, actor, course.dataset, question.text, language, turn_id)


def _fitting(answer: str) -> str:
    """Return a better answer as it is kept. Raises Refused for none and for one too long."""
    text = answer.strip()
    if not text:
        raise Refused("no words", "fix-words")
    if len(text) > MAX_CHARACTERS:
        raise Refused("too long", "fix-long", most=MAX_CHARACTERS)
    return text


def open_turn(ctx: Context, question: ChatQuestion, session_id: int) -> tuple[Talk, Turn]:
    """Return the talk of a question and its stored turn, the question reserved in the plan.

    `session_id` 0: it begins a talk. Raises NotFound for a talk of somebody else. What stands in
    the way of an answer is in the talk: then the caller undoes all of it.
    """
    talks, place = Sessions(ctx.db, ctx.bot_id), question.place
    if not session_id:
        if talks.open(place).touched_at:
            talks.renew(place)
    elif talks.switch(place, session_id) is None:
        raise NotFound("no such session", "session-unknown")
    talk = open_talk(ctx, question)
    asked = Question(
        session_id=talk.session.session_id,
        update_id=question.number,
        user_id=place.user_id,
        text=question.text,
        message_id=question.message_id,
    )
    return talk, Turns(ctx.db, ctx.bot_id).ask(asked, None)


def close_turn(ctx: Context, talk: Talk, turn: Turn, reply: Reply, note: str) -> None:
    """Store what came of a question; charge it or give it back.

    `note` is what is said under the answer or in its place.
    """
    question = turn.question
    answer = stored_answer(reply, note, cost_of(ctx, reply))
    answer = replace(answer, offer=STOPPED if reply.ending is Ending.STOPPED else "")
    gauge = WindowCounter(used_tokens(talk, question.text, reply), talk.limit)
    if reply.limit_tokens:
        # The talk before this question is what did not fit.
        gauge = WindowCounter(reply.limit_tokens, reply.limit_tokens)
    session = replace(
        talk.session,
        title=talk.session.title or title_of(question.text),
        used_tokens=gauge.used,
        is_full=gauge.is_full,
    )
    finish(ctx, talk.asker, Answer(answer, session, reply), "api:page")
    Turns(ctx.db, ctx.bot_id).mark_delivered(question.update_id)
