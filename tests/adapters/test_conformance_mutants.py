"""The conformance suite finds what is broken: one thing at a time, at our own engine."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from conformance_world import Proxy, answered, proxied, results, send_answer

pytestmark = pytest.mark.integration
CHAT, JOBS, FILES, MODELS = (
    f"/v1/{path}" for path in ("chat/completions", "fine_tuning/jobs", "files", "models")
)
# The first stream of `stream.disconnect` is the second of its run.
STREAMS = 2
HTML = "<html><body>Nothing here</body></html>"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with proxied(tmp_path_factory.mktemp("engine")) as proxy:
        yield proxy


@pytest.fixture
def proxy(engine):
    engine.mend()
    return engine


def is_of_a_job(call, verb=""):
    return call.path.startswith(f"{JOBS}/") and call.path.endswith(verb)


def is_stream(answer):
    return answer.headers["content-type"].startswith("text/event-stream")


# Mutants that change what the engine is asked.


def no_metadata_filter(call):
    return call.without("metadata") if call.path == JOBS else call


def no_limit(call):
    return call.without("limit")


def no_after(call):
    return call.without("after")


def no_purpose_filter(call):
    return call.without("purpose")


def any_model_answers(call):
    return call.asking(model="recall") if call.path == CHAT else call


def endless_answers(call):
    return call.asking(max_tokens=None) if call.path == CHAT else call


def no_stop(call):
    return call.asking(stop=None) if call.path == CHAT else call


def one_choice(call):
    return call.asking(n=None) if call.path == CHAT else call


def no_stream_usage(call):
    return call.asking(stream_options=None) if call.path == CHAT else call


def messages_do_not_matter(call):
    if call.path != CHAT:
        return call
    return call.asking(messages=[{"role": "user", "content": "Что это?"}])


def no_idempotency(call):
    return replace(call, headers={n: v for n, v in call.headers.items() if "idempot" not in n})


def no_key_needed(call):
    return call.with_headers(authorization="Bearer key-of-the-engine")


def any_base(call):
    return call.asking(model="recall") if (call.method, call.path) == ("POST", JOBS) else call


def any_epochs(call):
    is_order = (call.method, call.path) == ("POST", JOBS)
    return call.asking(method=None) if is_order else call


def any_upload(call):
    if (call.method, call.path) != ("POST", FILES):
        return call
    body = call.body.replace(b"no-such-purpose", b"fine-tune")
    return replace(call, body=body.replace(b"examples.csv", b"examples.jsonl"))


def other_metadata(call):
    is_order = (call.method, call.path) == ("POST", JOBS)
    return call.asking(metadata=None) if is_order else call


def other_seed(call):
    return call.asking(seed=8) if (call.method, call.path) == ("POST", JOBS) else call


def no_suffix(call):
    return call.asking(suffix=None) if (call.method, call.path) == ("POST", JOBS) else call


def files_are_not_there(call):
    return answered(404, {"detail": "Not Found"}) if call.path.startswith(FILES) else call


def no_checkpoints(call):
    is_one = is_of_a_job(call, "/checkpoints")
    return answered(404, {"detail": "Not Found"}) if is_one else call


def no_pause(call):
    return answered(405, {"detail": "Method Not Allowed"}) if is_of_a_job(call, "/pause") else call


def events_are_empty(call):
    return answered(200, {"object": "list", "data": []}) if is_of_a_job(call, "/events") else call


def cancels_are_not_done(call):
    if is_of_a_job(call, "/cancel"):
        job = {"id": call.path.split("/")[-2], "object": "fine_tuning.job", "status": "cancelled"}
        return answered(200, job)
    return call


def pauses_are_not_done(call):
    if is_of_a_job(call, "/pause"):
        job = {"id": call.path.split("/")[-2], "object": "fine_tuning.job", "status": "paused"}
        return answered(200, job)
    return call


def deletes_are_not_done(call):
    if call.method == "DELETE":
        return answered(200, {"id": call.path.rsplit("/", 1)[1], "deleted": True})
    return call


def crashes_on_bad_json(call):
    return answered(500, "Internal Server Error", "text/plain") if call.body[:2] == b"{n" else call


def page_for_unknown_calls(call):
    return answered(200, HTML, "text/html") if "no-such-call" in call.path else call


# Mutants that change what the engine answers.


def every_metadata_filter_is_empty(answer, call):
    return answer.saying(data=[]) if call.path == JOBS and "metadata" in str(call.query) else answer


def no_done(answer, _call):
    return answer.events(lambda e: None if "[DONE]" in e else e) if is_stream(answer) else answer


def garbage_in_stream(answer, _call):
    is_one = is_stream(answer)
    return answer.events(lambda e: "data: {oops" if "finish" in e else e) if is_one else answer


def other_ids_in_stream(answer, _call):
    ids = iter(range(1000))

    def changed(event):
        return event.replace('"id": "', f'"id": "{next(ids)}-')

    return answer.events(changed) if is_stream(answer) else answer


def no_reason_in_stream(answer, _call):
    def changed(event):
        return event.replace('"finish_reason": "stop"', '"finish_reason": null')

    return answer.events(changed) if is_stream(answer) else answer


def wrong_usage_in_stream(answer, _call):
    def changed(event):
        return event.replace('"total_tokens": ', '"total_tokens": 1')

    return answer.events(changed) if is_stream(answer) else answer


def wrong_usage(answer, call):
    if call.path != CHAT or "usage" not in answer.json:
        return answer
    return answer.saying(usage={**answer.json["usage"], "total_tokens": 1})


def no_reason(answer, call):
    if call.path != CHAT or "choices" not in answer.json:
        return answer
    return answer.saying(choices=[{**answer.json["choices"][0], "finish_reason": "done"}])


def broken_letters(answer, call):
    if call.path != CHAT:
        return answer
    return replace(answer, body=answer.body.decode("latin-1").encode())


def errors_of_another_shape(answer, _call):
    return answer if answer.status < 400 else answered(answer.status, {"detail": "no"})


def errors_without_param(answer, _call):
    if answer.status < 400:
        return answer
    error = {name: value for name, value in answer.json["error"].items() if name != "param"}
    return answer.saying(error=error)


def errors_are_pages(answer, _call):
    return answer if answer.status < 400 else answered(answer.status, HTML, "text/html")


def every_refusal_is_a_bug(answer, _call):
    return answer if answer.status < 400 else replace(answer, status=500)


def forbidden(answer, _call):
    return replace(answer, status=403) if answer.status == 401 else answer


def content_is_cut(answer, call):
    return replace(answer, body=answer.body[:-1]) if call.path.endswith("/content") else answer


def wrong_size(answer, call):
    return answer.saying(bytes=1) if (call.method, call.path) == ("POST", FILES) else answer


def names_in_latin(answer, call):
    is_file = (call.method, call.path) == ("POST", FILES)
    return answer.saying(filename="train.jsonl") if is_file else answer


def pages_leave_one_out(answer, call):
    is_second = any(name == "after" for name, _ in call.query)
    return answer.saying(data=answer.json["data"][1:]) if is_second else answer


def oldest_first(answer, call):
    is_list = is_of_a_job(call, "/events") or is_of_a_job(call, "/checkpoints")
    if not is_list or "data" not in answer.json:
        return answer
    told = [
        {**each, "created_at": each["created_at"] + number}
        for number, each in enumerate(answer.json["data"])
    ]
    return answer.saying(data=sorted(told, key=lambda each: each.get("step_number", 0)))


def metrics_without_loss(answer, _call):
    return replace(answer, body=answer.body.replace(b"_loss", b"_gain"))


def strange_checkpoints(answer, call):
    if not is_of_a_job(call, "/checkpoints"):
        return answer
    named = [{**e, "fine_tuned_model_checkpoint": "ft:none"} for e in answer.json["data"]]
    return answer.saying(data=named)


def every_job_fails(answer, call):
    if not is_of_a_job(call) or answer.json.get("status") != "succeeded":
        return answer
    error = {"code": "no_luck", "message": "no luck", "param": None}
    return answer.saying(status="failed", error=error, fine_tuned_model=None)


def no_tokens_counted(answer, call):
    return answer.saying(trained_tokens=0) if is_of_a_job(call) and answer.json else answer


def never_finished(answer, call):
    return answer.saying(finished_at=None) if is_of_a_job(call) and answer.json else answer


def other_epochs(answer, call):
    if (call.method, call.path) != ("POST", JOBS) or "method" not in answer.json:
        return answer
    figures = {"hyperparameters": {"n_epochs": 99}}
    return answer.saying(method={"type": "supervised", "supervised": figures}, hyperparameters=None)


def lists_hide_everything(answer, call):
    is_list = call.method == "GET" and call.path in (JOBS, FILES)
    return answer.saying(data=[]) if is_list else answer


def tuned_models_are_hidden(answer, call):
    if call.path != MODELS:
        return answer
    bases = [card for card in answer.json["data"] if not card["id"].startswith("ft:")]
    return answer.saying(data=bases)


def late_cancels_are_taken(answer, call):
    if is_of_a_job(call, "/cancel") and answer.status == 400:
        return answered(200, {"id": call.path.split("/")[-2], "status": "cancelled"})
    return answer


def files_are_garbage(answer, call):
    return answered(200, HTML, "text/html") if call.path == FILES else answer


ASKED = [
    (no_metadata_filter, {"jobs.filter": "missing"}),
    (no_limit, {"files.paging": "missing", "jobs.paging": "missing", "events.paging": "missing"}),
    (no_after, {"files.paging": "failed", "jobs.paging": "failed", "events.paging": "failed"}),
    (no_purpose_filter, {"files.filter": "missing"}),
    (any_model_answers, {"chat.unknown_model": "failed", "tuned.delete": "failed"}),
    (endless_answers, {"chat.max_tokens": "failed", "stream.max_tokens": "failed"}),
    (no_stop, {"chat.stop": "failed"}),
    (one_choice, {"chat.n": "missing"}),
    (no_stream_usage, {"stream.usage": "missing"}),
    (messages_do_not_matter, {"chat.empty": "failed", "chat.role": "failed"}),
    (no_idempotency, {"idempotency.create": "missing", "cancel.race": "passed"}),
    (no_key_needed, {"errors.no_key": "missing", "errors.wrong_key": "missing"}),
    (any_base, {"jobs.unknown_model": "failed"}),
    (any_epochs, {"jobs.hyperparameter": "failed", "jobs.hyperparameters": "failed"}),
    (any_upload, {"files.purpose": "failed", "files.not_jsonl": "failed"}),
    (other_metadata, {"jobs.metadata": "missing", "jobs.filter": "missing"}),
    (other_seed, {"jobs.seed": "failed"}),
    (no_suffix, {"jobs.suffix": "failed"}),
    (
        files_are_not_there,
        {"files.upload": "missing", "jobs.create": "missing", "events.list": "missing"},
    ),
    (no_checkpoints, {"checkpoints.list": "missing", "checkpoints.usable": "missing"}),
    (no_pause, {"pause.pause": "missing", "pause.resume": "missing", "cancel.cancel": "passed"}),
    (events_are_empty, {"events.list": "failed", "events.order": "failed"}),
    (cancels_are_not_done, {"cancel.cancel": "failed", "cancel.late": "failed"}),
    (pauses_are_not_done, {"pause.pause": "failed", "pause.resume": "failed"}),
    (deletes_are_not_done, {"files.delete": "failed", "tuned.delete": "failed"}),
    (crashes_on_bad_json, {"errors.not_json": "failed"}),
    (page_for_unknown_calls, {"errors.unknown_call": "failed"}),
]
ANSWERED = [
    (every_metadata_filter_is_empty, {"jobs.filter": "failed"}),
    (no_done, {"stream.done": "failed"}),
    (garbage_in_stream, {"stream.chunks": "failed", "stream.done": "failed"}),
    (other_ids_in_stream, {"stream.chunks": "failed"}),
    (no_reason_in_stream, {"stream.finish_reason": "failed"}),
    (wrong_usage_in_stream, {"stream.usage": "failed"}),
    (wrong_usage, {"chat.usage": "failed", "chat.plain": "passed"}),
    (no_reason, {"chat.finish_reason": "failed"}),
    (broken_letters, {"chat.unicode": "failed", "stream.unicode": "failed"}),
    (
        errors_of_another_shape,
        {"files.unknown": "failed", "jobs.unknown": "failed", "chat.unknown_model": "failed"},
    ),
    (errors_without_param, {"errors.wrong_key": "failed", "models.unknown": "failed"}),
    (errors_are_pages, {"errors.unknown_call": "failed", "events.unknown": "failed"}),
    (every_refusal_is_a_bug, {"jobs.missing_file": "failed", "errors.param": "failed"}),
    (forbidden, {"errors.no_key": "failed", "errors.wrong_key": "failed"}),
    (content_is_cut, {"files.content": "failed"}),
    (wrong_size, {"files.upload": "failed", "files.retrieve": "failed"}),
    (names_in_latin, {"files.name": "failed"}),
    (
        pages_leave_one_out,
        {"files.paging": "failed", "jobs.paging": "failed", "events.paging": "failed"},
    ),
    (oldest_first, {"events.order": "failed", "checkpoints.order": "failed"}),
    (metrics_without_loss, {"events.metrics": "failed", "checkpoints.list": "failed"}),
    (strange_checkpoints, {"checkpoints.usable": "failed"}),
    (every_job_fails, {"jobs.succeed": "failed", "events.list": "failed", "tuned.chat": "failed"}),
    (no_tokens_counted, {"jobs.tokens": "failed"}),
    (never_finished, {"jobs.finished": "failed"}),
    (other_epochs, {"jobs.hyperparameters": "failed"}),
    (lists_hide_everything, {"files.list": "failed", "jobs.list": "failed"}),
    (tuned_models_are_hidden, {"tuned.list": "failed", "models.list": "passed"}),
    (late_cancels_are_taken, {"cancel.late": "failed"}),
    (files_are_garbage, {"files.upload": "failed"}),
]


def named(value):
    return value.__name__ if callable(value) else ""


def told(proxy, wanted):
    found = results(proxy.url, *wanted)
    return {name: found[name].result for name in wanted}


@pytest.mark.parametrize(("mutant", "wanted"), ASKED, ids=named)
def test_suite_finds_a_server_that_does_not_listen(proxy, mutant, wanted):
    assert told(proxy, wanted) == dict.fromkeys(wanted, "passed")
    proxy.before = mutant
    assert told(proxy, wanted) == wanted


@pytest.mark.parametrize(("mutant", "wanted"), ANSWERED, ids=named)
def test_suite_finds_a_server_that_answers_wrongly(proxy, mutant, wanted):
    proxy.after = mutant
    assert told(proxy, wanted) == wanted


def test_suite_finds_states_that_run_backwards(proxy):
    states = iter(["running", "queued"])

    def backwards(answer, call):
        is_look = call.method == "GET" and call.path.startswith(f"{JOBS}/ftjob")
        state = next(states, None) if is_look else None
        return answer.saying(status=state) if state else answer

    proxy.after = backwards
    assert told(proxy, ["jobs.succeed"]) == {"jobs.succeed": "failed"}


def test_suite_finds_a_cancel_that_the_end_of_the_job_belies(proxy):
    lied = []

    def lying(call):
        if not is_of_a_job(call, "/cancel"):
            return call
        if not lied or lied[0] == call.path:
            lied.append(call.path)
            return call
        job = {"id": call.path.split("/")[-2], "status": "cancelled"}
        return answered(200, job)

    proxy.before = lying
    wanted = {"cancel.cancel": "passed", "cancel.race": "failed"}
    assert told(proxy, wanted) == wanted


def test_suite_finds_a_server_that_one_caller_fills(proxy):
    lock, inside = threading.Lock(), []

    def crowded(call):
        if call.path != CHAT:
            return call
        with lock:
            inside.append(call)
            return call if len(inside) % 4 else answered(500, HTML, "text/html")

    proxy.before = crowded
    assert told(proxy, ["chat.concurrent"]) == {"chat.concurrent": "failed"}


class Frail(Proxy):
    """Serves nobody else once a client has left in the middle of a stream."""

    streams = 0

    async def __call__(self, scope, receive, send):
        if self.streams < STREAMS:
            await super().__call__(scope, receive, self._cut(send))
        else:
            await send_answer(answered(500, HTML, "text/html"), send)

    def _cut(self, send):
        async def cut(message):
            body = message.get("body", b"")
            if b"[DONE]" in body:
                self.streams += 1
                if self.streams == STREAMS:
                    message = {**message, "body": body[:100], "more_body": True}
            await send(message)

        return cut


def test_suite_finds_a_server_that_a_leaving_client_breaks(tmp_path):
    with proxied(tmp_path, Frail) as frail:
        wanted = {"stream.chunks": "passed", "stream.disconnect": "failed"}
        assert told(frail, wanted) == wanted


def test_a_busy_server_may_put_questions_off(proxy):
    inside = []
    error = {"message": "later", "type": "requests", "param": None, "code": "rate_limit_exceeded"}

    def busy(call):
        if call.path == CHAT:
            inside.append(call)
        is_late = len(inside) > 3
        return answered(429, {"error": error}) if is_late and call.path == CHAT else call

    proxy.before = busy
    assert told(proxy, ["chat.concurrent"]) == {"chat.concurrent": "passed"}


def test_details_name_the_call_the_status_and_the_words(proxy):
    proxy.after = every_refusal_is_a_bug
    outcome = results(proxy.url, "files.unknown")["files.unknown"]
    assert outcome.key == "provider-test-status"
    assert outcome.arguments["status"] == "500"
    assert outcome.arguments["call"].startswith("GET /v1/files/file-")
    assert "No such File object" in outcome.arguments["words"]


def test_a_check_whose_need_failed_fails_by_name_and_one_whose_need_is_missing_is_missing(proxy):
    proxy.after = every_job_fails
    outcome = results(proxy.url, "events.list")["events.list"]
    assert (outcome.result, outcome.arguments) == ("failed", {"name": "jobs.succeed"})
    proxy.mend()
    proxy.before = no_checkpoints
    outcome = results(proxy.url, "checkpoints.order")["checkpoints.order"]
    assert (outcome.result, outcome.arguments) == ("missing", {"name": "checkpoints.list"})


def test_a_server_without_idempotency_gets_three_jobs_at_most(proxy):
    proxy.before = no_idempotency
    results(proxy.url)
    orders = [call for call in proxy.calls if (call.method, call.path) == ("POST", JOBS)]
    taken = [json.loads(call.body) for call in orders]
    assert sum("method" in order for order in taken) - 1 == 3  # one of them is refused
