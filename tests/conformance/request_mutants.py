"""Functions that change requests, each with the checks that must find the change."""

from dataclasses import replace

from tests.conformance.breaking_proxy import make_response

CHAT, JOBS, FILES, MODELS = (
    f"/v1/{path}" for path in ("chat/completions", "fine_tuning/jobs", "files", "models")
)
HTML = "<html><body>Nothing here</body></html>"


def is_job_request(request, suffix=""):
    return request.path.startswith(f"{JOBS}/") and request.path.endswith(suffix)


def ignore_metadata_filter(request):
    return request.without_query("metadata") if request.path == JOBS else request


def ignore_limit(request):
    return request.without_query("limit")


def ignore_after(request):
    return request.without_query("after")


def ignore_purpose(request):
    return request.without_query("purpose")


def accept_any_model(request):
    return request.with_json(model="recall") if request.path == CHAT else request


def ignore_max_tokens(request):
    return request.with_json(max_tokens=None) if request.path == CHAT else request


def ignore_stop(request):
    return request.with_json(stop=None) if request.path == CHAT else request


def ignore_n(request):
    return request.with_json(n=None) if request.path == CHAT else request


def ignore_stream_options(request):
    return request.with_json(stream_options=None) if request.path == CHAT else request


def ignore_messages(request):
    if request.path != CHAT:
        return request
    return request.with_json(messages=[{"role": "user", "content": "Что это?"}])


def ignore_idempotency_key(request):
    return replace(
        request, headers={n: v for n, v in request.headers.items() if "idempot" not in n}
    )


def ignore_api_key(request):
    return request.with_headers(authorization="Bearer key-of-the-engine")


def accept_any_base_model(request):
    return (
        request.with_json(model="recall")
        if (request.method, request.path) == ("POST", JOBS)
        else request
    )


def ignore_method(request):
    is_job_creation = (request.method, request.path) == ("POST", JOBS)
    return request.with_json(method=None) if is_job_creation else request


def accept_any_file(request):
    if (request.method, request.path) != ("POST", FILES):
        return request
    body = request.body.replace(b"no-such-purpose", b"fine-tune")
    return replace(request, body=body.replace(b"examples.csv", b"examples.jsonl"))


def ignore_metadata(request):
    is_job_creation = (request.method, request.path) == ("POST", JOBS)
    return request.with_json(metadata=None) if is_job_creation else request


def change_seed(request):
    return (
        request.with_json(seed=8) if (request.method, request.path) == ("POST", JOBS) else request
    )


def ignore_suffix(request):
    return (
        request.with_json(suffix=None)
        if (request.method, request.path) == ("POST", JOBS)
        else request
    )


def remove_files_api(request):
    return (
        make_response(404, {"detail": "Not Found"}) if request.path.startswith(FILES) else request
    )


def remove_checkpoints_api(request):
    is_checkpoints = is_job_request(request, "/checkpoints")
    return make_response(404, {"detail": "Not Found"}) if is_checkpoints else request


def empty_events(request):
    return (
        make_response(200, {"object": "list", "data": []})
        if is_job_request(request, "/events")
        else request
    )


def skip_cancel(request):
    if is_job_request(request, "/cancel"):
        job = {
            "id": request.path.split("/")[-2],
            "object": "fine_tuning.job",
            "status": "cancelled",
        }
        return make_response(200, job)
    return request


def skip_delete(request):
    if request.method == "DELETE":
        return make_response(200, {"id": request.path.rsplit("/", 1)[1], "deleted": True})
    return request


def crash_on_bad_json(request):
    return (
        make_response(500, "Internal Server Error", "text/plain")
        if request.body[:2] == b"{n"
        else request
    )


def answer_unknown_calls_with_html(request):
    return make_response(200, HTML, "text/html") if "no-such-call" in request.path else request


REQUEST_MUTANTS = [
    (ignore_metadata_filter, {"jobs.filter": "missing"}),
    (
        ignore_limit,
        {"files.paging": "missing", "jobs.paging": "missing", "events.paging": "missing"},
    ),
    (ignore_after, {"files.paging": "failed", "jobs.paging": "failed", "events.paging": "failed"}),
    (ignore_purpose, {"files.filter": "missing"}),
    (accept_any_model, {"chat.unknown_model": "failed", "tuned.delete": "failed"}),
    (ignore_max_tokens, {"chat.max_tokens": "failed", "stream.max_tokens": "failed"}),
    (ignore_stop, {"chat.stop": "failed"}),
    (ignore_n, {"chat.n": "missing"}),
    (ignore_stream_options, {"stream.usage": "missing"}),
    (ignore_messages, {"chat.empty": "failed", "chat.role": "failed"}),
    (ignore_idempotency_key, {"idempotency.create": "missing", "cancel.race": "passed"}),
    (ignore_api_key, {"errors.no_key": "missing", "errors.wrong_key": "missing"}),
    (accept_any_base_model, {"jobs.unknown_model": "failed"}),
    (ignore_method, {"jobs.hyperparameter": "failed", "jobs.hyperparameters": "failed"}),
    (accept_any_file, {"files.purpose": "failed", "files.not_jsonl": "failed"}),
    (ignore_metadata, {"jobs.metadata": "missing", "jobs.filter": "missing"}),
    (change_seed, {"jobs.seed": "failed"}),
    (ignore_suffix, {"jobs.suffix": "failed"}),
    (
        remove_files_api,
        {"files.upload": "missing", "jobs.create": "missing", "events.list": "missing"},
    ),
    (remove_checkpoints_api, {"checkpoints.list": "missing", "checkpoints.usable": "missing"}),
    (empty_events, {"events.list": "failed", "events.order": "failed"}),
    (skip_cancel, {"cancel.cancel": "failed", "cancel.late": "failed"}),
    (skip_delete, {"files.delete": "failed", "tuned.delete": "failed"}),
    (crash_on_bad_json, {"errors.not_json": "failed"}),
    (answer_unknown_calls_with_html, {"errors.unknown_call": "failed"}),
]
