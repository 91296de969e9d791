"""Asking the models of a route, over real HTTP, with a provider that misbehaves."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise

import pytest

from merlin.chat.answer import (
    COOLDOWN_S,
    MAX_ANSWER_LENGTH,
    AnswerService,
    Ending,
    ProviderFault,
    RetryPolicy,
    Stop,
    report_faults,
)
from merlin.chat.grounding import Source
from merlin.chat.model_catalogue import Candidate, CandidateKind
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.messages import Message, ParameterRefused
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import RequestKind
from merlin.db.tables import REQUEST
from merlin.openai_protocol.errors import NO_CREDIT
from merlin.providers.base import Answer
from merlin.providers.openai_chat import OpenAIChat
from tests.real.recording import read_recording, replay
from tests.support.faults import Fault, FaultKind
from tests.support.scripted_server import Reply
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional

TALK = (Message("user", "Что значит лоб?"),)
QUICK = RetryPolicy(first_pause_s=0.05, longest_pause_s=0.3)
MODEL = "stand-in-base"


class RecordingObserver:
    """Records what an observer of an answer sees."""

    def __init__(self):
        self.texts = []
        self.waited = 0

    def on_text(self, text):
        self.texts.append(text)

    def on_delay(self):
        self.waited += 1


@pytest.fixture
def provider():
    with ProviderStandIn() as stand_in:
        yield stand_in


async def route(*choices):
    for choice in choices:
        yield choice


def choice(model_id=MODEL, kind=CandidateKind.SERVING, provider="chat"):
    return Candidate(kind, provider, model_id, (Message("system", "Коротко."),))


class AdvanceableLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be advanced."""

    later_s = 0.0

    def time(self):
        return super().time() + self.later_s


def ask_at(model, *moments_s, choices=(), messages=TALK, policy=QUICK, **options):
    """Return the replies of one service to a question at each moment."""
    observer = options.pop("observer", None) or RecordingObserver()

    async def run():
        replies = []
        async with aclosing(model):
            service = AnswerService({"chat": model}, policy)
            for at_s in moments_s:
                asyncio.get_running_loop().later_s = at_s
                chain = route(*(choices or [choice()]))
                replies.append(
                    await service.reply(chain, messages, observer, **options)
                )
        return replies

    with asyncio.Runner(loop_factory=AdvanceableLoop) as runner:
        return runner.run(run())


def ask_model(model, *choices, policy=None, **options):
    """Return the reply of a model without a server, by default of the one that serves."""
    policy = policy or RetryPolicy()
    (reply,) = ask_at(model, 0, choices=choices, policy=policy, **options)
    return reply


def ask(provider, *choices, retry_policy=QUICK, **options):
    """Return the reply of a server and what the observer saw."""
    observer = RecordingObserver()
    answerer = OpenAIChat(provider.base_url, "sk-of-the-tests")
    options |= {"observer": observer, "policy": retry_policy}
    return ask_model(answerer, *choices, **options), observer


def test_answer_is_whole_streams_and_has_its_usage(provider):
    reply, observer = ask(provider)
    assert reply.ending is Ending.WHOLE
    assert "«Что значит лоб?»" in reply.text
    assert (reply.model_id, reply.choice.kind) == (MODEL, CandidateKind.SERVING)
    assert reply.usage.input_tokens > 0 < reply.usage.output_tokens
    assert reply.first_ms is not None
    assert observer.texts[-1].strip() == reply.text
    assert all(after.startswith(before) for before, after in pairwise(observer.texts))


def test_thoughts_of_a_model_are_neither_shown_nor_stored(provider):
    provider.behave(fixed_answer="<think> A secret plan. </think> Hold the button.")
    reply, observer = ask(provider)
    assert reply.text == "Hold the button."
    assert all("plan" not in text and "think" not in text for text in observer.texts)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_busy_provider_is_retried_at_most_twice(provider, status):
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=status, times=2))
    assert ask(provider)[0].ending is Ending.WHOLE
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=status, times=3))
    reply, _ = ask(provider)
    assert (reply.ending, reply.first_ms) == (Ending.BUSY, None)
    assert not provider.faults.list_pending()


def test_wait_beyond_the_total_time_is_not_started(provider):
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=503, times=3))
    hasty = RetryPolicy(first_pause_s=30.0, total_s=1.0)
    reply, _ = ask(provider, retry_policy=hasty)
    assert reply.ending is Ending.BUSY
    assert len(provider.faults.list_pending()) == 1


def test_interrupted_stream_keeps_its_text(provider):
    provider.behave(fixed_answer="Начало и конец ответа.", piece_s=0.02)
    provider.faults.add(Fault("chat.create", FaultKind.CUT))
    reply, _ = ask(provider)
    assert reply.ending is Ending.CUT
    assert reply.text.startswith("Начало")
    assert len(reply.text) < len("Начало и конец ответа.")


class ScriptedModel:
    """A model that sends these answers, waits, or fails by an error.

    `calls` is how often it was asked, `is_left` whether its stream was closed.
    """

    def __init__(self, *answers):
        self.answers = answers
        self.calls = 0
        self.is_left = False

    async def stream(self, *_):
        self.calls += 1
        try:
            for each in self.answers:
                if isinstance(each, Exception):
                    raise each
                if callable(each):
                    await each()
                else:
                    yield each
        finally:
            self.is_left = True

    async def aclose(self):
        """Close nothing."""


def endless_model():
    """Return a model that sends one word and then nothing."""
    return ScriptedModel(Answer("слово"), asyncio.Event().wait)


def test_endless_answer_is_cut():
    endless = endless_model()
    reply = ask_model(endless, policy=RetryPolicy(answer_s=0.1))
    assert (reply.ending, reply.text) == (Ending.CUT, "слово")
    assert endless.is_left


def test_too_long_answer_is_cut(provider):
    provider.behave(
        fixed_answer="слово" * (MAX_ANSWER_LENGTH // 5 + 1) + " и так далее"
    )
    reply, _ = ask(provider)
    assert reply.ending is Ending.CUT


class StoppedModel(ScriptedModel):
    """A model that does not know; the model `last` presses `stop` and stays silent."""

    def __init__(self, last):
        super().__init__()
        self.last = last
        self.stop = Stop()

    async def stream(self, model_id, *_):
        if model_id == MODEL:
            yield Answer("Не знаю.", known=False)
        if model_id == self.last:
            self.stop.press()
            await asyncio.Event().wait()


def ask_until_stopped(last):
    """Return the composing model and the reply of an answer that is stopped at the model `last`."""
    model = StoppedModel(last)
    composer = choice("composer", CandidateKind.COMPOSED)

    async def find_source():
        return composer, [Source(1, "Лоб.")]

    return composer, ask_model(model, stop=model.stop, ground=find_source)


def test_stop_while_the_model_still_writes_that_it_does_not_know_asks_no_other():
    _, reply = ask_until_stopped(MODEL)
    assert (reply.ending, reply.text, reply.model_id) == (
        Ending.STOPPED,
        "Не знаю.",
        MODEL,
    )
    assert reply.unused is None


def test_stop_while_an_answer_is_composed_ends_it_and_both_models_cost():
    composer, reply = ask_until_stopped("composer")
    assert (reply.ending, reply.text, reply.choice) == (Ending.STOPPED, "", composer)
    assert reply.estimate.input_tokens > 0 == reply.estimate.output_tokens
    assert reply.unused.text == "Не знаю."


def test_stop_before_the_question_asks_no_model():
    model = ScriptedModel()
    stop = Stop()
    stop.press()
    assert ask_model(model, stop=stop).ending is Ending.STOPPED
    assert model.calls == 0


def test_answer_of_a_cancelled_caller_is_no_stopped_one():
    endless = endless_model()
    asking = AnswerService({"chat": endless}).reply(
        route(choice()), TALK, RecordingObserver()
    )
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(asking, 0.05))
    assert endless.is_left


REFUSAL = "Извините, я не могу ответить на этот вопрос."
OFFERS = ("Что значит нос?",)


@pytest.mark.parametrize(
    ("content", "version", "known", "nearest"),
    [
        (REFUSAL, "face-1", False, OFFERS),
        ("Лоб — это лоб.", "face-1", None, ()),
        (REFUSAL, "", None, ()),  # not tuned on a dataset
    ],
)
def test_refusal_of_a_tuned_language_model_offers_what_it_was_taught(
    content, version, known, nearest
):
    model = ScriptedModel(Answer(content, nearest=OFFERS))
    reply = ask_model(model, replace(choice(), version=version))
    assert (reply.text, reply.known, reply.nearest) == (content, known, nearest)


class BusyModel:
    """A model that is busy; its third question is stopped before the first word."""

    def __init__(self):
        self.asked = 0
        self.stop = Stop()

    async def stream(self, *_):
        self.asked += 1
        if self.asked == 3:
            self.stop.press()
            await asyncio.Event().wait()
        raise ProviderBusy("busy", status=503)
        yield


def test_stop_before_the_first_word_is_no_answer_of_a_failing_model():
    model = BusyModel()
    answer_service = AnswerService({"chat": model}, RetryPolicy(tries=1))

    async def ask_four_times():
        return [
            await answer_service.reply(route(choice()), TALK, RecordingObserver(), stop)
            for stop in (None, None, model.stop, None)
        ]

    replies = asyncio.run(ask_four_times())
    busy = Ending.BUSY
    stopped = Ending.STOPPED
    assert [reply.ending for reply in replies] == [busy, busy, stopped, busy]
    assert [fault.kind for fault in replies[-1].faults] == ["failing"]


def test_split_surrogate_pairs_are_joined():
    halves = ScriptedModel(Answer("Ответ \ud83d"), Answer("\ude00"))
    assert ask_model(halves).text == "Ответ 😀"


async def find_no_source():
    return None


@pytest.mark.parametrize("ground", [None, find_no_source])
def test_silent_model_is_busy_and_shows_a_waiting_message(provider, ground):
    provider.behave(think_s=3600.0)
    silent = RetryPolicy(tries=1, answer_s=0.4, busy_notice_s=0.1)
    reply, observer = ask(provider, retry_policy=silent, ground=ground)
    assert reply.ending is Ending.BUSY
    assert observer.waited == 1


def test_answer_that_may_be_a_refusal_is_shown_once_it_takes_long():
    async def pause():
        asyncio.get_running_loop().later_s = 60

    slow = ScriptedModel(Answer("Лоб"), pause, Answer(" — верх лица."))
    observer = RecordingObserver()
    ask_model(slow, observer=observer, ground=find_no_source)
    assert observer.texts == ["Лоб — верх лица."]


def test_answer_that_its_provider_withholds_is_filtered():
    filtered = ScriptedModel(Answer("", finish_reason="content_filter"))
    assert ask_model(filtered).ending is Ending.FILTERED


def test_model_of_a_provider_that_is_not_configured_is_passed_over(provider):
    reply, _ = ask(provider, choice(provider="gone"), choice())
    assert (reply.ending, reply.choice.provider) == (Ending.WHOLE, "chat")
    assert reply.first.provider == "gone"


def test_refused_parameter_is_told_to_who_has_set_it():
    strict = ScriptedModel(ParameterRefused("temperature", "not supported"))
    with pytest.raises(ParameterRefused):
        ask_model(strict)


def test_fault_is_told_once_an_hour_and_a_missing_model_is_looked_for(database, clock):
    gone = ProviderFault("gone", "chat", "ft:gone", "not found")
    spent = ProviderFault("spent", "chat", "ft:gone", "no credit")
    for _ in range(2):
        with database.atomic():
            report_faults(database, [gone, spent], clock, "bot")
    told = [each.key for each in Notices(database).list_newest(ADMINS, 9)]
    assert sorted(told) == ["notice-answer-gone", "notice-answer-spent"]
    asked = database.rows(REQUEST.select(REQUEST.kind))
    assert [row.kind for row in asked] == [RequestKind.CENSUS.value]


def test_unknown_model_falls_back_to_the_next_and_is_reported(provider):
    general = choice(None, CandidateKind.GENERAL)
    reply, _ = ask(provider, choice("ft:gone"), general)
    assert (reply.ending, reply.model_id) == (Ending.WHOLE, "stand-in-chat")
    assert reply.choice is general
    assert [(fault.kind, fault.model_id) for fault in reply.faults] == [
        ("gone", "ft:gone")
    ]


def make_stream(model):
    delta = {"delta": {"content": f"Ответ {model}."}, "finish_reason": "stop"}
    return (
        f"data: {json.dumps({'model': model, 'choices': [delta]})}\n\ndata: [DONE]\n\n"
    )


def read_refusal(program, story):
    """Return what a real server answered, once it was asked."""
    status, content, _ = replay(read_recording(program).answer(story))
    return Reply(content, status)


@pytest.mark.parametrize(
    ("program", "story"),
    [
        ("litellm", "unknown-model"),
        ("litellm", "model-gone-behind"),
        ("transformers", "other-model"),
        ("vllm", "unknown-model"),
    ],
)
def test_model_that_a_real_server_lacks_is_reported_as_gone(server, program, story):
    server.will(read_refusal(program, story), Reply(make_stream("general").encode()))
    reply, _ = ask(server, choice("ft:gone"), choice("general", CandidateKind.GENERAL))
    assert reply.text == "Ответ general."
    assert [(fault.kind, fault.model_id) for fault in reply.faults] == [
        ("gone", "ft:gone")
    ]


@pytest.mark.parametrize(("program", "window"), [("vllm", 512), ("litellm", 8192)])
def test_question_too_long_for_a_real_server_is_asked_without_its_history(
    server, program, window
):
    server.will(
        read_refusal(program, "too-long"), Reply(make_stream("general").encode())
    )
    reply, _ = ask(
        server, messages=(Message("user", "давно"), Message("assistant", "да"), *TALK)
    )
    assert (reply.ending, reply.limit_tokens) == (Ending.WHOLE, window)
    assert [len(call.json["messages"]) for call in server.calls] == [4, 2]


@pytest.mark.parametrize(
    "refusal",
    [
        Reply({"error": {"message": "see q_proj", "code": "adapter_inert"}}, 422),
        Reply(make_stream(MODEL).encode()),
    ],
    ids=["engine", "model"],
)
def test_model_without_its_trained_weights_falls_back_to_the_next_and_is_reported(
    server, refusal
):
    server.will(refusal, Reply(make_stream("general").encode()))
    trained = replace(choice("ft:inert"), base=MODEL)
    general = choice("general", CandidateKind.GENERAL)
    reply, observer = ask(server, trained, general)
    assert (reply.text, reply.choice) == ("Ответ general.", general)
    assert [(fault.kind, fault.model_id) for fault in reply.faults] == [
        ("unapplied", "ft:inert")
    ]
    assert not any(MODEL in text for text in observer.texts)


def test_route_without_a_working_model_ends_with_nobody(provider):
    assert ask(provider, choice("ft:gone"))[0].ending is Ending.NOBODY


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "refused"), (404, "refused"), (400, "declined"), (422, "declined")],
)
def test_refusal_is_reported_and_not_retried(provider, status, kind):
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=status, times=9))
    reply, _ = ask(provider)
    assert (reply.ending, reply.faults[0].kind) == (Ending.NOBODY, kind)
    assert provider.faults.list_pending()[0].times == 8


def test_refused_key_is_no_matter_of_the_question(server):
    server.will(Reply(b'{"error": {"code": "invalid_api_key"}}', 400))
    reply, _ = ask(server)
    assert reply.faults[0].kind == "refused"


@pytest.mark.parametrize("blank", [" ", "\u200b \u2060\ufeff", "\u3164\ufe0f\n\u2800"])
def test_invisible_answer_counts_as_empty(provider, blank):
    provider.behave(fixed_answer=blank)
    reply, observer = ask(provider)
    assert (reply.ending, reply.text) == (Ending.EMPTY, "")
    assert observer.texts == []


def test_conversation_beyond_the_window_is_asked_again_without_its_history(provider):
    provider.behave(context_window=40)
    past = [Message("user", "давно " * 50), Message("assistant", "было " * 50)]
    reply, _ = ask(provider, messages=(*past, *TALK))
    assert reply.ending is Ending.WHOLE
    alone = (Message("user", "слишком длинно " * 100),)
    assert ask(provider, messages=alone)[0].ending is Ending.TOO_LONG


def empty_account():
    """Return a model of an account without money."""
    return ScriptedModel(ProviderError("no money", code=NO_CREDIT, status=429))


def test_exhausted_account_is_reported_and_not_called_again():
    account = empty_account()
    replies = ask_at(account, *[0] * 20, COOLDOWN_S / 2, COOLDOWN_S - 1)
    assert account.calls == 1
    assert {(reply.ending, reply.faults[0].kind) for reply in replies} == {
        (Ending.NOBODY, "spent")
    }


def test_exhausted_account_is_called_again_after_the_cooldown():
    account = empty_account()
    ask_at(account, 0, COOLDOWN_S - 1, COOLDOWN_S)
    assert account.calls == 2


def make_fault(model, kind=FaultKind.STATUS, times=None):
    return Fault("chat.create", kind, status=503, times=times, only={"model": model})


def ask_provider_at(provider, *moments_s):
    """Return the replies to a question at each moment; a general model is second after MODEL."""
    provider.behave(fixed_answer="Начало и конец ответа.", piece_s=0.01)
    return ask_at(
        OpenAIChat(provider.base_url, "sk-of-the-tests"),
        *moments_s,
        choices=(choice(), choice("stand-in-chat", CandidateKind.GENERAL)),
        policy=replace(QUICK, tries=1),
    )


def count_calls(provider, model=MODEL):
    return sum(call.body["model"] == model for call in provider.calls("chat.create"))


def list_outcomes(replies):
    return [(reply.ending, reply.choice.kind) for reply in replies]


BUSY = (Ending.BUSY, CandidateKind.SERVING)
NEXT = (Ending.WHOLE, CandidateKind.GENERAL)
WHOLE = (Ending.WHOLE, CandidateKind.SERVING)


def test_model_that_fails_three_times_in_a_row_is_skipped(provider):
    provider.faults.add(make_fault(MODEL, times=3))
    replies = ask_provider_at(provider, 0, 1, 2, 3, 30)
    assert list_outcomes(replies) == [BUSY, BUSY, NEXT, NEXT, NEXT]
    assert [len(reply.faults) for reply in replies] == [0, 0, 1, 0, 0]
    fault = replies[2].faults[0]
    assert (fault.kind, fault.model_id) == ("failing", MODEL)
    assert not provider.faults.list_pending()
    assert count_calls(provider) == 0  # calls that a fault hit are not executed


def test_skipped_model_is_tried_again_after_a_minute_and_restored_by_an_answer(
    provider,
):
    provider.faults.add(make_fault(MODEL, times=4))
    late = 2 + COOLDOWN_S
    replies = ask_provider_at(provider, 0, 1, 2, late, late + 1, 2 * late, 2 * late + 1)
    assert list_outcomes(replies) == [BUSY, BUSY, NEXT, NEXT, NEXT, WHOLE, WHOLE]
    assert count_calls(provider) == 2


def test_failures_interrupted_by_an_answer_do_not_skip_a_model(provider):
    provider.faults.add(
        make_fault(MODEL, times=2), replace(make_fault(MODEL, times=2), skip=1)
    )
    between = ask_provider_at(provider, *range(6))
    assert list_outcomes(between) == [BUSY, BUSY, WHOLE, BUSY, BUSY, WHOLE]


def test_interrupted_answers_count_as_failures(provider):
    provider.faults.add(make_fault(MODEL, FaultKind.CUT))
    endings = [reply.ending for reply in ask_provider_at(provider, 0, 1, 2, 3)]
    assert endings == [Ending.CUT] * 3 + [Ending.WHOLE]
