"""Mutants that change what the engine is asked, each with the checks that must find it."""

from __future__ import annotations

from dataclasses import replace

from tests.conformance.breaking_proxy import make_answer

CHAT, JOBS, FILES, MODELS = (
    f"/v1/{path}" for path in ("chat/completions", "fine_tuning/jobs", "files", "models")
)
HTML = "<html><body>Nothing here</body></html>"


def is_of_a_job(call, verb=""):
    return call.path.startswith(f"{JOBS}/") and call.path.endswith(verb)


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
    return make_answer(404, {"detail": "Not Found"}) if call.path.startswith(FILES) else call


def no_checkpoints(call):
    is_one = is_of_a_job(call, "/checkpoints")
    return make_answer(404, {"detail": "Not Found"}) if is_one else call


def no_pause(call):
    return (
        make_answer(405, {"detail": "Method Not Allowed"}) if is_of_a_job(call, "/pause") else call
    )


def events_are_empty(call):
    return (
        make_answer(200, {"object": "list", "data": []}) if is_of_a_job(call, "/events") else call
    )


def cancels_are_not_done(call):
    if is_of_a_job(call, "/cancel"):
        job = {"id": call.path.split("/")[-2], "object": "fine_tuning.job", "status": "cancelled"}
        return make_answer(200, job)
    return call


def pauses_are_not_done(call):
    if is_of_a_job(call, "/pause"):
        job = {"id": call.path.split("/")[-2], "object": "fine_tuning.job", "status": "paused"}
        return make_answer(200, job)
    return call


def deletes_are_not_done(call):
    if call.method == "DELETE":
        return make_answer(200, {"id": call.path.rsplit("/", 1)[1], "deleted": True})
    return call


def crashes_on_bad_json(call):
    return (
        make_answer(500, "Internal Server Error", "text/plain") if call.body[:2] == b"{n" else call
    )


def page_for_unknown_calls(call):
    return make_answer(200, HTML, "text/html") if "no-such-call" in call.path else call


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
