"""Chat sessions on a course's pages; questions are answered as in a bot (`merlin.app.ask`).

Each course is a topic of the user's chat with bot id 0, so that its sessions are found by place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from merlin.app import consent, feedback, lineage, sessions
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import may_edit_examples
from merlin.app.sessions import SessionView, TurnView
from merlin.chat.grounding import Source, find_passage
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, Turns
from merlin.core.errors import NotFound
from merlin.course.catalogue import Course
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.example import find_first
from merlin.dataset.proposals import Proposal, Proposals
from merlin.db.processes import Heartbeats
from merlin.training.models import Serving

MAX_TALKS = 50
STARTERS = 3
MAX_STARTER_LENGTH = 90
# The number of newest examples searched for starters.
_STARTER_EXAMPLES = 12
# What a user does with an answer.
Judgement = Literal["up", "down", "none", "allow", "correct", "neither"]


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """Where an answer comes from: training examples as (id, question).

    `is_said`: they taught exactly this answer; else they are the nearest ones. `may_edit`: the
    actor may open them. `passage` is where the course materials say it, or None.
    """

    turn: int
    part: lineage.AnswerPart
    examples: Sequence[tuple[str, str]]
    is_said: bool
    may_edit: bool
    passage: Source | None


@dataclass(frozen=True, slots=True)
class CourseSession:
    """One session: its turns, the build of each model that answered, the user's corrections.

    `corrections` are by turn; `source` is that of one turn, None if no model answered it.
    """

    session_id: int
    turns: Sequence[TurnView]
    builds: Mapping[str, str]
    corrections: Mapping[int, Proposal]
    source: AnswerSource | None


@dataclass(frozen=True, slots=True)
class CourseChat:
    """A course's chat: the serving model, the user's sessions, the open one or starters.

    A question older than `oldest_pending` will not be answered any more.
    """

    serving: Serving | None
    sessions: Sequence[SessionView]
    session: CourseSession | None
    starters: Sequence[str]
    has_consent: bool
    oldest_pending: datetime


def place_of(actor: Actor, course: Course) -> ChatPlace:
    """Return where a user's sessions about a course are stored."""
    return ChatPlace(actor.user_id, actor.user_id, course.course_id, course.dataset)


def read_chat(
    ctx: Context,
    actor: Actor,
    course: Course,
    session_id: int = 0,
    *,
    source_of: int = 0,
) -> CourseChat:
    """Return a course's chat; `session_id` 0: no session is open. Raises NotFound."""
    serving = ModelCatalogue(ctx.db).find_serving(course.dataset)
    session = None
    starters = list[str]()
    if session_id:
        session = read_session(ctx, actor, course, session_id, source_of)
    elif serving is not None:
        starters = find_starters(ctx, serving)
    place = place_of(actor, course)
    recent_sessions = (
        sessions.list_recent(ctx, actor, MAX_TALKS, place=place)
        if actor.user_id
        else []
    )
    has_consent = consent.has_consent(ctx, actor)
    oldest_pending = Heartbeats(ctx.db).find_oldest_start("api", ctx.clock())
    return CourseChat(
        serving, recent_sessions, session, starters, has_consent, oldest_pending
    )


def read_session(
    ctx: Context, actor: Actor, course: Course, session_id: int, source_of: int
) -> CourseSession:
    """Return a session; `source_of` is the turn whose source is shown, 0: the newest.

    Raises NotFound.
    """
    if Sessions(ctx.db, ctx.bot_id).find(place_of(actor, course), session_id) is None:
        raise NotFound("no such session", "session-unknown")
    turns = sessions.list_own_turns(ctx, session_id)
    newest_id = next((turn.id for turn in reversed(turns) if turn.answer), 0)
    source_turn = next(
        (turn for turn in turns if turn.id == (source_of or newest_id)), None
    )
    user_proposals = Proposals(ctx.db, ctx.clock).of_user(actor.user_id)
    return CourseSession(
        session_id,
        turns,
        ModelCatalogue(ctx.db).name_builds(turn.model for turn in turns),
        {
            proposal.draft.turn_id: proposal
            for proposal in user_proposals
            if not proposal.draft.is_wording
        },
        _answer_source(ctx, actor, source_turn)
        if source_turn and source_turn.model
        else None,
    )


def _answer_source(ctx: Context, actor: Actor, turn: TurnView) -> AnswerSource | None:
    source = lineage.find_source(ctx, actor, turn.id)
    if source.origin is None or source.part is lineage.AnswerPart.REFUSED:
        return None
    dataset = source.origin.dataset
    questions = lineage.read_questions(
        ctx, dataset, [*source.said_by] or source.nearest
    )
    may_edit = may_edit_examples(ctx, actor, dataset)
    passage = find_passage(ctx.db, dataset, f"{turn.question}\n{turn.answer}")
    examples = list(questions.items())
    return AnswerSource(
        turn.id,
        source.part,
        examples,
        bool(source.said_by),
        may_edit=may_edit,
        passage=passage,
    )


def find_starters(ctx: Context, serving: Serving) -> list[str]:
    """Return questions to begin with that the serving model was trained on, newest change first."""
    entries = ExampleEntries(ctx.db).find(
        serving.dataset,
        ExampleFilter(split="train"),
        _STARTER_EXAMPLES,
        build=serving.model.build_id,
    )
    questions = (find_first(entry.trained, "user") for entry in entries)
    return [each for each in questions if len(each) <= MAX_STARTER_LENGTH][:STARTERS]


def find_question(ctx: Context, actor: Actor, turn_id: int) -> Question:
    """Return a question that the actor asked. Raises NotFound."""
    turn = Turns(ctx.db, ctx.bot_id).get_own(turn_id, actor.user_id)
    if turn is None:
        raise NotFound("no such turn", "turn-unknown")
    return turn.question


def judge(
    ctx: Context,
    actor: Actor,
    turn_id: int,
    act: Judgement,
    answer: str,
    language: str,
) -> None:
    """Rate an answer, give consent, or send editors a correction.

    Raises NotFound, Refused.
    """
    find_question(ctx, actor, turn_id)
    match act:
        case "up" | "down" | feedback.NO_RATING:
            feedback.press_rating(ctx, actor, turn_id, act)
        case "allow" | "neither":
            if act == "allow":
                consent.give_consent(ctx, actor)
            feedback.refuse_offers(ctx, actor, turn_id, language)
        case "correct":
            feedback.correct(ctx, actor, turn_id, answer, language)
