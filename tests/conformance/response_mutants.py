"""Mutants that change what the engine answers, each with the checks that must find it."""

from __future__ import annotations

from dataclasses import replace

from tests.conformance.breaking_proxy import make_answer
from tests.conformance.request_mutants import CHAT, FILES, HTML, JOBS, MODELS, is_of_a_job


def is_stream(answer):
    return answer.headers["content-type"].startswith("text/event-stream")


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
    return answer if answer.status < 400 else make_answer(answer.status, {"detail": "no"})


def errors_without_param(answer, _call):
    if answer.status < 400:
        return answer
    error = {name: value for name, value in answer.json["error"].items() if name != "param"}
    return answer.saying(error=error)


def errors_are_pages(answer, _call):
    return answer if answer.status < 400 else make_answer(answer.status, HTML, "text/html")


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
        return make_answer(200, {"id": call.path.split("/")[-2], "status": "cancelled"})
    return answer


def files_are_garbage(answer, call):
    return make_answer(200, HTML, "text/html") if call.path == FILES else answer


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
