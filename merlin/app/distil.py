"""Distillation: a stronger model (the teacher) drafts examples, which an editor has to approve.

    materials | questions | examples | wordings -> calls -> [the budget] -> answers, checked
    -> proposals

An Intent is stored before each call, by a digest of teacher and messages. An answered call is
never repeated or paid for again, however often a run is restarted; a call in doubt after a crash
is repeated. The answers are untrusted: they are parsed as JSON of one schema,
limited, checked and linted like any example, and train nothing by themselves.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock

from pydantic import BaseModel, ValidationError

from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.app.proposals import tell_editors
from merlin.app.reviews import count_test_questions
from merlin.app.wordings import FRAMES_SHOWN, list_single
from merlin.chat.prompt import split_text, wrap_document
from merlin.config import require_provider
from merlin.config.settings import parse_model_name
from merlin.core.errors import ProviderError, Refused
from merlin.core.formatted_text import is_blank
from merlin.core.i18n import detect_language, text
from merlin.core.killpoint import kill_point
from merlin.core.messages import Message, SamplingParams, Usage
from merlin.core.money import Price
from merlin.dataset.entries import ExampleEntries, ExampleFilter, FileText
from merlin.dataset.example import normalise
from merlin.dataset.example_file import parse_example, read_example
from merlin.dataset.layout import MATERIALS
from merlin.dataset.lint import lint_example
from merlin.dataset.passages import PAGE_MARK
from merlin.dataset.preview import check_files
from merlin.dataset.proposals import (
    DISTIL,
    MAX_CHARACTERS,
    Draft,
    Proposals,
    example_yaml,
)
from merlin.dataset.split import TEST, TRAIN
from merlin.dataset.tokens import count_messages
from merlin.db.intents import Intents, IntentState
from merlin.providers.base import Answer, ModelClient
from merlin.training.ask_many import AskReport, ModelQuery, ask_many, may_be_paid

PASSAGE_TOKENS = 1000
WORDINGS = 3  # of each question
OF_SINGLE = FRAMES_SHOWN + 1  # of one that alone finds its answer
PAIRS = 3  # asked for per passage of material
MAX_ANSWER_TOKENS = 4000
MAX_ANSWER_S = 120.0
_MAX_NOTE_LENGTH = 1000
# Only examples of one question among the newest `_MAX_REWORDED` are worded anew.
_MAX_REWORDED = 1_000
_PAIR_TURNS = 2
_SHAPE = '{"examples": [{"questions": ["…"], "answer": "…"}]}'


class _Pair(BaseModel, extra="forbid"):
    """One answer with the wordings of its question."""

    questions: list[str]
    answer: str


class _Drafts(BaseModel, extra="forbid"):
    """The JSON document that a teacher answers with."""

    examples: list[_Pair]


SHAPE_NAME = "merlin_examples"
# Source: openai/openai-openapi, openapi.yaml, ResponseFormatJsonSchema.
_FORMAT = {"name": SHAPE_NAME, "strict": True, "schema": _Drafts.model_json_schema()}
SAMPLING_PARAMS = SamplingParams(
    most_tokens=MAX_ANSWER_TOKENS,
    response_format={"type": "json_schema", "json_schema": _FORMAT},
)


@dataclass(frozen=True, slots=True)
class SourceText:
    """A piece of course material, or a question; `source` is its location.

    A trained question has its `answer`: the teacher words it anew, for this `split`.
    """

    source: str
    text: str
    is_question: bool = False
    answer: str = ""
    split: str = ""

    @property
    def note(self) -> str:
        """Return the note on the passage for the editor."""
        return (
            self.source
            if self.is_question
            else f"{self.source}\n\n{self.text[:_MAX_NOTE_LENGTH]}"
        )


def read_passages(files: Sequence[FileText]) -> list[SourceText]:
    """Return a course's materials, split into passages of at most about `PASSAGE_TOKENS`."""
    return [
        passage
        for file in files
        if file.path.startswith(MATERIALS) and file.text
        for passage in _split_material(file.path, file.text)
    ]


def _split_material(path: str, content: str) -> Iterator[SourceText]:
    """Yield the passages of a material without its marks; where one is, its page says."""
    page = ""
    for part in split_text(content, PASSAGE_TOKENS):
        marks = PAGE_MARK.findall(part)
        first = marks[0] if marks and (PAGE_MARK.match(part) or not page) else page
        words = re.sub(r"\n{3,}", "\n\n", PAGE_MARK.sub("", part)).strip()
        if words:
            yield SourceText(f"{path}#page-{first}" if first else path, words)
        page = marks[-1] if marks else page


def read_questions(content: str, name: str) -> list[SourceText]:
    """Return the questions of a document, one per line; lines without a visible sign are skipped.

    Raises Refused for a line that is too long.
    """
    questions = []
    for number, line in enumerate(content.splitlines(), 1):
        if len(line) > MAX_CHARACTERS:
            arguments = {"line": number, "limit": MAX_CHARACTERS}
            raise Refused(f"line {number} is too long", "distil-long-line", **arguments)
        if not is_blank(line):
            questions.append(
                SourceText(f"{name}:{number}", line.strip(), is_question=True)
            )
    return questions


def read_trained_questions(
    ctx: Context, actor: Actor, dataset: str
) -> list[SourceText]:
    """Return as many trained questions as test questions are missing, spread over the newest.

    Raises NotFound.
    """
    missing = count_test_questions(ctx, actor, dataset).missing
    entries = ExampleEntries(ctx.db).find(
        dataset, ExampleFilter(split=TRAIN), _MAX_REWORDED
    )
    examples = [
        (entry.example_id, parse_example(entry.text)) for entry in entries if missing
    ]
    passages = [
        SourceText(
            example_id,
            example.question,
            is_question=True,
            answer=example.answer,
            split=TEST,
        )
        for example_id, example in examples
        if example and len(example.messages) == _PAIR_TURNS
    ]
    return passages[:: max(len(passages) // max(missing, 1), 1)][:missing]


def read_single_questions(ctx: Context, actor: Actor, dataset: str) -> list[SourceText]:
    """Return the questions of the answers that one taught wording finds. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return [
        SourceText(
            each.example,
            each.question,
            is_question=True,
            answer=each.answer,
            split=TRAIN,
        )
        for each in list_single(ctx, dataset)
    ]


@dataclass(frozen=True, slots=True)
class Teacher:
    """The model that drafts examples, with its price."""

    provider: str
    model_id: str
    price: Price

    @property
    def name(self) -> str:
        """Return PROVIDER/MODEL."""
        return f"{self.provider}/{self.model_id}"

    def key(self, dataset: str, messages: Sequence[Message], kind: str = DISTIL) -> str:
        """Return the key of the Intent of a call."""
        parts = [
            dataset,
            self.provider,
            self.model_id,
            *(message.as_json() for message in messages),
        ]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"{kind}-{digest}"


def find_teacher(ctx: Context, name: str) -> Teacher:
    """Return the teacher named PROVIDER/MODEL.

    A model tuned at OpenAI (`ft:BASE:…`) or Azure (`BASE.ft-…`) costs what its base has as a price.
    Raises ConfigError for another form, NotFound for an unknown provider, Refused if the model has
    no price, which the budget needs.
    """
    provider, model_id = parse_model_name(name)
    require_provider(ctx.config, provider)
    base = model_id.removeprefix("ft:").partition(":")[0].partition(".ft-")[0]
    price = ctx.config.price(provider, model_id, base)
    if price is None:
        raise Refused(f"{model_id} has no price", "distil-no-price", model=model_id)
    return Teacher(provider, model_id, price)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """The calls of a model still to make, by the keys of their Intents.

    `answered` is the number of those that earlier runs made.
    """

    dataset: str
    teacher: Teacher
    queries: Mapping[str, ModelQuery]
    answered: int


@dataclass(frozen=True, slots=True)
class DistilPlan(CallPlan):
    """The calls that ask for drafts.

    `known` are the normal forms of the questions of the dataset and its proposals.
    """

    passages: Mapping[str, SourceText]
    wordings: int
    known: set[str]


def plan(
    ctx: Context,
    actor: Actor,
    dataset: str,
    teacher: Teacher,
    passages: Sequence[SourceText] | None,
    wordings: int,
) -> DistilPlan:
    """Return the calls about the passages, None: about the course's materials; takes a while.

    Raises NotFound; Refused if there is nothing to ask about.
    """
    files = changes.read_files(ctx, actor, dataset)
    checked_dataset = check_files(dataset, files.files, ctx.config.example_tokens)
    if checked_dataset.spec is None:
        raise Refused(
            f"{dataset} has no good dataset.yaml", "build-no-spec", dataset=dataset
        )
    inputs = read_passages(files.files) if passages is None else passages
    if not inputs:
        raise Refused("nothing to ask about", "distil-nothing", dataset=dataset)
    known = {example.normal_question for example in checked_dataset.examples}
    known |= {*map(normalise, Proposals(ctx.db, ctx.clock).open_questions(dataset))}
    intents = Intents(ctx.db, ctx.clock).list_of_kind(DISTIL)
    queries = dict[str, ModelQuery]()
    by_key = dict[str, SourceText]()
    for passage in inputs:
        messages = _messages(
            checked_dataset.spec.system, passage, wordings, ctx.config.language
        )
        key = teacher.key(dataset, messages)
        is_answered = key in intents and intents[key].state is IntentState.DONE
        is_new_question = passage.is_question and not passage.answer
        is_taught = is_new_question and normalise(passage.text) in known
        if not (key in by_key or is_answered or is_taught):
            expected = Usage(count_messages(messages), MAX_ANSWER_TOKENS)
            queries[key] = ModelQuery(key, messages, expected)
        by_key[key] = passage
    answered = sum(
        key in intents and intents[key].state is IntentState.DONE for key in by_key
    )
    return DistilPlan(dataset, teacher, queries, answered, by_key, wordings, known)


def _messages(
    system: str, passage: SourceText, wordings: int, default: str
) -> tuple[Message, ...]:
    """Return the messages to the teacher, in the language of the passage."""
    language = detect_language(passage.text) or detect_language(system) or default
    message = text(language, "distil-system", shape=_SHAPE)
    if passage.is_question:
        request = text(language, "distil-question", others=wordings - 1)
        content = passage.text
    else:
        request = text(language, "distil-materials", pairs=PAIRS, wordings=wordings)
        content = wrap_document(passage.text, passage.source)
    return (
        Message("system", f"{message}\n\n{system}"),
        Message("user", f"{request}\n\n{content}"),
    )


UNREADABLE = "unreadable"
BROKEN = "broken"
NUMBERS = "numbers"
DUPLICATE = "duplicate"
MISSING = "missing"


@dataclass(slots=True)
class CallReport:
    """How many calls of a run were answered so far; money in millionths."""

    answered: int = 0
    spent_micro: int = 0


@dataclass(slots=True)
class DistilReport(CallReport):
    """The results of a run so far.

    `rejected` counts by reason: unreadable answers, drafts with findings, drafts with numbers that
    their passage lacks, drafts of questions that the dataset has, wordings that were asked for and
    not sent.
    """

    proposed: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class RecordingClient:
    """A ModelClient that stores an Intent before each call, and what it brought before it answers.

    `kind` is that of the Intents. `keep` stores what an answer brings,
    in the transaction that ends the Intent. Several threads use it. An interrupt ends only the main
    thread, so that no answer is lost.
    """

    ctx: Context
    kind: str
    plan: CallPlan
    client: ModelClient
    report: CallReport
    keep: Callable[[ModelQuery, Answer], None]
    lock: Lock = field(default_factory=Lock)

    def ask(
        self, model_id: str, messages: Sequence[Message], timeout_s: float = 0.0
    ) -> Answer:
        """Return the answer. Raises as a ModelClient."""
        teacher = self.plan.teacher
        is_distil = self.kind == DISTIL
        key = teacher.key(self.plan.dataset, messages, self.kind)
        query = self.plan.queries[key]
        intents = Intents(self.ctx.db, self.ctx.clock)
        intents.open(key, self.kind)
        intents.mark_sending(key, self.ctx.clock())
        kill_point("distil.intended" if is_distil else "baseline.intended")
        try:
            answer = self.client.ask(model_id, messages, timeout_s or MAX_ANSWER_S)
        except ProviderError as error:
            if may_be_paid(error):
                with self.lock:
                    self.report.spent_micro += query.cost(teacher.price)
            else:
                intents.mark_ready(key)
            raise
        kill_point("distil.sent" if is_distil else "baseline.sent")
        with self.lock:
            with self.ctx.db.atomic():
                intents.mark_done(key, "")
                self.keep(query, answer)
            self.report.answered += 1
            self.report.spent_micro += query.cost(teacher.price, answer.usage)
        kill_point("distil.recorded" if is_distil else "baseline.recorded")
        return answer


def run(
    ctx: Context,
    plan: DistilPlan,
    budget_micro: int,
    report: DistilReport,
    client: ModelClient,
    advance: Callable[[], None],
) -> AskReport:
    """Make the remaining calls within the budget; each answer's drafts are stored at once.

    `report` is updated as the run goes on, for the case of an interrupt. Raises as `ask_many`.
    """

    def keep(query: ModelQuery, answer: Answer) -> None:
        drafts, rejected = _valid_drafts(plan, plan.passages[query.key], answer.text)
        rows = Proposals(ctx.db, ctx.clock)
        is_told = rows.has_waiting(plan.dataset, DISTIL)
        ids = rows.add_drafts(drafts)
        if ids and not is_told:
            tell_editors(ctx, plan.dataset, ids[0])
        report.proposed += len(drafts)
        report.rejected += rejected

    recording = RecordingClient(ctx, DISTIL, plan, client, report, keep)
    return ask_recorded(recording, budget_micro, advance)


def ask_recorded(
    recording: RecordingClient, budget_micro: int, advance: Callable[[], None]
) -> AskReport:
    """Make the calls of a plan within the budget. Raises as `ask_many`."""
    teacher = recording.plan.teacher
    queries = recording.plan.queries.values()
    return ask_many(
        recording,
        teacher.model_id,
        queries,
        lambda _query, _answer: advance(),  # it is stored by now
        price=teacher.price,
        budget_micro=budget_micro,
    )


def _valid_drafts(
    plan: DistilPlan, passage: SourceText, content: str
) -> tuple[list[Draft], Counter[str]]:
    """Return the valid new drafts of an answer, and the number of rejected ones by reason."""
    split = passage.split
    requested = plan.wordings - 1 if passage.answer else plan.wordings
    examples = _read_examples(passage, content, requested)
    if examples is None:
        return [], Counter({UNREADABLE: 1})
    model_id = plan.teacher.model_id
    note = passage.note
    proposed = list[Draft]()
    rejected = Counter[str]()
    for wordings, answer in examples:
        drafts = {
            question: Draft(
                wording, answer, plan.dataset, 0, model_id, DISTIL, note, split=split
            )
            for question, wording in wordings.items()
        }
        valid = {
            question: draft for question, draft in drafts.items() if _is_valid(draft)
        }
        new = [draft for question, draft in valid.items() if question not in plan.known]
        plan.known.update(valid)
        rejected[MISSING] += requested - len(wordings)
        rejected[BROKEN] += len(drafts) - len(valid)
        rejected[DUPLICATE] += len(valid) - len(new)
        kept = [draft for draft in new if _is_sourced(draft, passage)]
        rejected[NUMBERS] += len(new) - len(kept)
        proposed += kept
    return proposed, +rejected


_NUMBER = re.compile(r"\d+(?:[ \u00a0\u202f]\d{3}(?!\d))*(?:[.,:]\d+)*")
# The number of an item of a list is the teacher's own.
_ITEM = re.compile(r"(?m)^ *\d{1,2}[.)] ")


def _is_sourced(draft: Draft, passage: SourceText) -> bool:
    """Return whether the passage of a material has all numbers of a draft."""
    said = _ITEM.sub("", f"{draft.question}\n{draft.answer}")
    return passage.is_question or _list_numbers(said) <= _list_numbers(passage.text)


def _list_numbers(content: str) -> set[str]:
    """Return the numbers of a text, without the blanks between their thousands."""
    return {
        re.sub(r"\s", "", each).replace(",", ".") for each in _NUMBER.findall(content)
    }


def _read_examples(
    passage: SourceText, content: str, most: int
) -> list[tuple[dict[str, str], str]] | None:
    """Return wordings by their normal forms, at most `most`, and answer of each example.

    None if the teacher's answer does not fit the schema.
    """
    # some models put it into a code block
    start = content.find("{")
    end = content.rfind("}")
    try:
        parsed = _Drafts.model_validate_json(
            content[start : end + 1].encode("utf-8", "replace")
        )
    except ValidationError:
        return None
    # A question needs one answer, and its own wording too unless it is trained.
    examples = parsed.examples[:1] if passage.is_question else parsed.examples
    own_wordings = [passage.text] if passage.is_question and not passage.answer else []
    found = []
    for example in examples:
        wordings = dict[str, str]()
        for wording in (*own_wordings, *example.questions):
            wordings.setdefault(normalise(wording), wording.strip())
        answer = (passage.answer or example.answer).strip()
        found.append((dict(islice(wordings.items(), most)), answer))
    return found


def _is_valid(draft: Draft) -> bool:
    """Return whether the example passes the check and the lint."""
    if max(len(draft.question), len(draft.answer)) > MAX_CHARACTERS:
        return False
    example, findings = read_example(
        example_yaml(draft).encode("utf-8", "surrogatepass")
    )
    return example is not None and not findings and not lint_example(example)
