"""Distil: a stronger model drafts examples, which wait for an editor as people's corrections do.

    materials | questions | examples -> calls -> [the budget] -> answers, checked -> proposals

An Intent stands before each call, by a digest of teacher and conversation. What was answered is
neither asked nor paid for again, however often a run is begun; a call that a crash left in doubt is
asked again and counts twice. A teacher's text is nobody's: it is read as JSON of one shape,
bounded, checked and linted as any example, and trains nothing by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.test_questions import count_test_questions
from merlin.chat.prompt import split_text, wrap_document
from merlin.core.errors import ConfigError, NotFound, ProviderError, ProviderUnknown, Refused
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.messages import Message, SamplingParams, Usage
from merlin.core.money import Price
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.example import (
    count_messages,
    detect_language,
    normalise,
    parse_example,
    read_example,
)
from merlin.dataset.files import FileText
from merlin.dataset.layout import MATERIALS
from merlin.dataset.lint import lint_example
from merlin.dataset.near_questions import find_near_questions, near_key
from merlin.dataset.preview import check_files
from merlin.dataset.proposals import DISTIL, MAX_CHARACTERS, Draft, Proposals, example_yaml
from merlin.dataset.split import TEST, TRAIN
from merlin.db.intents import Intents, IntentState
from merlin.db.notices import ADMINS, Notices
from merlin.providers.base import Answer, Asker
from merlin.training.ask_many import AskReport, Query, Reply, ask_many

PASSAGE_TOKENS = 1000
PAIRS = 3  # that are asked for about one passage
MAX_ANSWER_TOKENS = 4000
MAX_ANSWER_S = 120.0
_MAX_NOTE_LENGTH = 1000
# Of the newest so many, those of a question with its answer are worded otherwise.
_MAX_TAUGHT, _PAIR_TURNS = 1_000, 2
_MAX_DRAFTS = 50  # that one answer is read for
_SHAPE = '{"examples": [{"questions": ["…"], "answer": "…"}]}'


class _Pair(BaseModel):
    """One answer with the wordings of its question."""

    questions: Annotated[list[str], Field(max_length=_MAX_DRAFTS)]
    answer: str


class _Drafts(BaseModel):
    """What a teacher answers with."""

    examples: Annotated[list[_Pair], Field(max_length=_MAX_DRAFTS)]


def _object(**properties: object) -> dict[str, object]:
    """Return the schema of an object as strict mode takes it."""
    values = {"type": "object", "properties": properties, "required": list(properties)}
    return {**values, "additionalProperties": False}


SHAPE_NAME = "merlin_examples"
_TEXT = {"type": "string"}
_PAIR = _object(questions={"type": "array", "items": _TEXT}, answer=_TEXT)
_SCHEMA = _object(examples={"type": "array", "items": _PAIR})
# Source: openai/openai-openapi, openapi.yaml, ResponseFormatJsonSchema.
_FORMAT = {"name": SHAPE_NAME, "strict": True, "schema": _SCHEMA}
WISHES = SamplingParams(
    most_tokens=MAX_ANSWER_TOKENS,
    response_format={"type": "json_schema", "json_schema": _FORMAT},
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a course's material, or a given question; `source` says where it stands.

    A taught question has its `answer`: other wordings of it are wanted, as test questions.
    """

    source: str
    words: str
    is_question: bool = False
    answer: str = ""

    @property
    def note(self) -> str:
        """Return what is told of it in an example."""
        return (
            self.source if self.is_question else f"{self.source}\n\n{self.words[:_MAX_NOTE_LENGTH]}"
        )


def read_passages(files: Sequence[FileText]) -> list[Passage]:
    """Return a course's texts in passages of about `PASSAGE_TOKENS` at most."""
    return [
        Passage(file.path, part)
        for file in files
        if file.path.startswith(MATERIALS) and file.text
        for part in split_text(file.text, PASSAGE_TOKENS)
    ]


def read_questions(message: str, name: str) -> list[Passage]:
    """Return the questions of a file, one a line; blank lines are passed over.

    Raises Refused for a line that is too long.
    """
    found = []
    for number, line in enumerate(message.lstrip("\ufeff").splitlines(), 1):
        if len(line) > MAX_CHARACTERS:
            arguments = {"line": number, "limit": MAX_CHARACTERS}
            raise Refused(f"line {number} is too long", "distil-long-line", **arguments)
        if line.strip():
            found.append(Passage(f"{name}:{number}", line.strip(), is_question=True))
    return found


def read_taught(ctx: Context, actor: Actor, dataset: str) -> list[Passage]:
    """Return as many taught questions as test questions are missing, from all over the dataset.

    Raises NotFound.
    """
    missing = count_test_questions(ctx, actor, dataset).missing
    found = ExampleEntries(ctx.db).find(dataset, ExampleFilter(split=TRAIN), _MAX_TAUGHT)
    read = [(each.example_id, parse_example(each.text)) for each in found if missing]
    taught = [
        Passage(example_id, example.question, is_question=True, answer=example.answer)
        for example_id, example in read
        if example and len(example.messages) == _PAIR_TURNS
    ]
    return taught[:: max(len(taught) // max(missing, 1), 1)][:missing]


@dataclass(frozen=True, slots=True)
class Teacher:
    """The model that drafts, with its price."""

    provider: str
    model_id: str
    price: Price

    def key(self, dataset: str, messages: Sequence[Message]) -> str:
        """Return what the Intent of a call is known by."""
        parts = [
            dataset,
            self.provider,
            self.model_id,
            *(message.as_json() for message in messages),
        ]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"{DISTIL}-{digest}"


def find_teacher(ctx: Context, named: str) -> Teacher:
    """Return the teacher that PROVIDER/MODEL names.

    Raises ConfigError for another form, NotFound for a provider that is not there, Refused without
    a price: a budget needs one.
    """
    provider, _, model_id = named.partition("/")
    if not provider or not model_id:
        raise ConfigError(f"{named} is no PROVIDER/MODEL", "distil-bad-teacher", teacher=named)
    if ctx.config.provider(provider) is None:
        raise NotFound(f"no provider {provider}", "held-no-provider", provider=provider)
    price = ctx.config.price(provider, model_id)
    if price is None:
        raise Refused(f"{model_id} has no price", "distil-no-price", model=model_id)
    return Teacher(provider, model_id, price)


@dataclass(frozen=True, slots=True)
class DistilPlan:
    """What is left to ask, by the key of each query, and what was asked before.

    `known` are the normal forms of the questions that the dataset and its proposals have, by what
    near ones have in common (`near_key`). `spent` is what each of the same calls cost in runs
    before, those in doubt included, in millionths.
    """

    dataset: str
    teacher: Teacher
    queries: Sequence[Query]
    passages: Mapping[str, Passage]
    known: dict[str, list[str]]
    answered: int
    spent: Mapping[str, int]

    @property
    def spent_micro(self) -> int:
        """Return what was spent in runs before."""
        return sum(self.spent.values())


def plan(
    ctx: Context,
    actor: Actor,
    dataset: str,
    teacher: Teacher,
    passages: Sequence[Passage] | None,
    wordings: int,
) -> DistilPlan:
    """Return the calls about these passages, None: about the course's materials; takes a while.

    Raises NotFound, Refused where there is nothing to ask about.
    """
    files = changes.read_files(ctx, actor, dataset)
    checked = check_files(dataset, files.files, ctx.config.example_tokens)
    if checked.spec is None:
        raise Refused(f"{dataset} has no good dataset.yaml", "change-not-good", dataset=dataset)
    inputs = read_passages(files.files) if passages is None else passages
    if not inputs:
        raise Refused("nothing to ask about", "distil-nothing", dataset=dataset)
    lying = [example.facts.question for example in checked.examples]
    proposed = map(normalise, Proposals(ctx.db, ctx.clock).open_questions(dataset))
    taken = dict.fromkeys([*lying, *proposed])
    begun = Intents(ctx.db, ctx.clock).of_kind(DISTIL)
    known = defaultdict[str, list[str]](list)
    for question in taken:
        known[near_key(question)].append(question)
    queries, by_key, spent = [], dict[str, Passage](), dict[str, int]()
    for each in inputs:
        messages = _messages(checked.spec.system, each, wordings, ctx.config.language)
        key = teacher.key(dataset, messages)
        query = Query(key, messages, Usage(count_messages(messages), MAX_ANSWER_TOKENS))
        state = begun[key].state if key in begun else IntentState.READY
        if state is IntentState.DONE:
            spent[key] = int(begun[key].outside_id)
        elif state is IntentState.SENDING:
            spent[key] = query.cost(teacher.price)
        is_taught = each.is_question and not each.answer and normalise(each.words) in taken
        if key not in by_key and state is not IntentState.DONE and not is_taught:
            queries.append(query)
        by_key[key] = each
    answered = sum(begun[key].state is IntentState.DONE for key in spent)
    return DistilPlan(dataset, teacher, queries, by_key, known, answered, spent)


def _messages(system: str, passage: Passage, wordings: int, default: str) -> tuple[Message, ...]:
    """Return what a teacher is asked, in the language of the passage."""
    language = detect_language(passage.words) or detect_language(system) or default
    message = text(language, "distil-system", shape=_SHAPE)
    if passage.is_question:
        wish = text(language, "distil-question", others=wordings - 1)
        words = passage.words
    else:
        wish = text(language, "distil-materials", pairs=PAIRS, wordings=wordings)
        words = wrap_document(passage.words, passage.source)
    return (Message("system", f"{message}\n\n{system}"), Message("user", f"{wish}\n\n{words}"))


UNREADABLE, BROKEN, DUPLICATE = "unreadable", "broken", "duplicate"


@dataclass(slots=True)
class DistilReport:
    """What came of a run so far; money in millionths, that of runs before left out.

    `rejected` counts by reason: answers that cannot be read, drafts that the check finds
    something in, drafts that ask what the dataset has.
    """

    answered: int = 0
    proposed: int = 0
    spent_micro: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _RecordingAsker:
    """Asks the teacher: an Intent before each call, its drafts stored before its answer is told.

    It is asked by several threads. An interrupt ends the main one: no answer gets lost by it.
    """

    ctx: Context
    plan: DistilPlan
    asker: Asker
    report: DistilReport
    queries: Mapping[str, Query]
    lock: Lock = field(default_factory=Lock)

    def ask(self, model_id: str, messages: Sequence[Message], timeout_s: float = 0.0) -> Answer:
        """Return the answer. Raises as an Asker."""
        key, intents = self.plan.teacher.key(self.plan.dataset, messages), self._intents
        intents.open(key, DISTIL)
        intents.sending(key, self.ctx.clock())
        kill_point("distil.intended")
        try:
            answer = self.asker.ask(model_id, messages, timeout_s or MAX_ANSWER_S)
        except ProviderError as error:
            if error.status or not isinstance(error, ProviderUnknown):
                intents.ready(key)
            raise
        kill_point("distil.sent")
        with self.lock:
            self._record(self.queries[key], answer)
        kill_point("distil.recorded")
        return answer

    @property
    def _intents(self) -> Intents:
        return Intents(self.ctx.db, self.ctx.clock)

    def _record(self, query: Query, answer: Answer) -> None:
        ctx, plan = self.ctx, self.plan
        cost = query.cost(plan.teacher.price, answer.usage)
        drafts, rejected = _accept(plan, plan.passages[query.key], answer.text, cost)
        with ctx.db.atomic():
            self._intents.done(query.key, str(plan.spent.get(query.key, 0) + cost))
            Proposals(ctx.db, ctx.clock).add_drafts(drafts)
            if drafts:
                once = f"proposals:{ctx.clock():%Y-%m-%d}"
                Notices(ctx.db, ctx.clock).tell(ADMINS, "notice-proposal", {}, once)
        self.report.answered += 1
        self.report.proposed += len(drafts)
        self.report.spent_micro += cost
        self.report.rejected += rejected


def run(
    ctx: Context,
    plan: DistilPlan,
    asker: Asker,
    budget_micro: int,
    report: DistilReport,
    advance: Callable[[], None],
) -> AskReport:
    """Ask what is left, as far as the budget goes; each answer's drafts wait as it comes.

    `report` is filled on the way, so that whoever interrupts can tell. Raises as `ask_many`.
    """
    queries, teacher = plan.queries, plan.teacher
    recording = _RecordingAsker(ctx, plan, asker, report, {each.key: each for each in queries})

    def keep(query: Query, reply: Reply) -> None:  # noqa: ARG001 - it is stored by now
        advance()

    left, price = budget_micro - plan.spent_micro, teacher.price
    return ask_many(recording, teacher.model_id, queries, keep, price=price, budget_micro=left)


def _accept(
    plan: DistilPlan, passage: Passage, message: str, cost: int
) -> tuple[list[Draft], Counter[str]]:
    """Return the good new drafts of an answer, and how many were rejected, by reason."""
    pairs, currency = _read_pairs(passage, message), plan.teacher.price.currency
    if pairs is None:
        return [], Counter({UNREADABLE: 1})
    model_id, note = plan.teacher.model_id, passage.note
    split = TEST if passage.answer else ""
    drafts = [Draft(*pair, plan.dataset, 0, model_id, DISTIL, note, split=split) for pair in pairs]
    good = [draft for draft in drafts if _is_good(draft)]
    new = _without_duplicates(good, plan.known)
    rejected = Counter({BROKEN: len(drafts) - len(good), DUPLICATE: len(good) - len(new)})
    share = cost // max(len(new), 1)
    return [replace(each, cost_micro=share, currency=currency) for each in new], +rejected


def _read_pairs(passage: Passage, message: str) -> list[tuple[str, str]] | None:
    """Return question and answer of each draft, None for an answer that has another shape."""
    begin, end = message.find("{"), message.rfind("}")  # some put it into a block of code
    try:
        parsed = _Drafts.model_validate_json(message[begin : end + 1].encode("utf-8", "replace"))
    except ValidationError:
        return None
    if passage.answer:
        pairs = [(example.questions, passage.answer) for example in parsed.examples[:1]]
    elif not passage.is_question:
        pairs = [(example.questions, example.answer) for example in parsed.examples]
    else:  # it is asked as it was given, and one answer is enough of it
        pairs = [
            ([passage.words, *example.questions], example.answer) for example in parsed.examples[:1]
        ]
    return [(one.strip(), answer.strip()) for questions, answer in pairs for one in questions]


def _is_good(draft: Draft) -> bool:
    """Return whether neither the check nor the lint finds anything in the example."""
    if max(len(draft.question), len(draft.answer)) > MAX_CHARACTERS:
        return False
    example, findings = read_example(example_yaml(draft).encode("utf-8", "surrogatepass"))
    return example is not None and not findings and not lint_example(example)


def _without_duplicates(drafts: Sequence[Draft], known: dict[str, list[str]]) -> list[Draft]:
    """Return the drafts that ask something new; forms of one question are the same.

    What they ask is known from now on.
    """
    new = []
    for draft in drafts:
        question = normalise(draft.question)
        alike = known.setdefault(near_key(question), [])
        near = (later for later, _ in find_near_questions([*alike, question]))
        if question not in alike and len(alike) not in near:
            new.append(draft)
        alike.append(question)
    return new
