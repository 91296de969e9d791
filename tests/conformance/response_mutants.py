"""Functions that change responses, each with the checks that must find the change."""

from dataclasses import replace

from tests.conformance.breaking_proxy import make_response
from tests.conformance.request_mutants import CHAT, FILES, HTML, JOBS, MODELS, is_job_request


def is_stream(response):
    return response.headers["content-type"].startswith("text/event-stream")


def empty_filtered_jobs(response, request):
    return (
        response.with_json(data=[])
        if request.path == JOBS and "metadata" in str(request.query)
        else response
    )


def drop_done_event(response, _request):
    return (
        response.map_events(lambda e: None if "[DONE]" in e else e)
        if is_stream(response)
        else response
    )


def break_stream_event(response, _request):
    is_changed = is_stream(response)
    return (
        response.map_events(lambda e: "data: {oops" if "finish" in e else e)
        if is_changed
        else response
    )


def change_stream_ids(response, _request):
    ids = iter(range(1000))

    def change(event):
        return event.replace('"id": "', f'"id": "{next(ids)}-')

    return response.map_events(change) if is_stream(response) else response


def drop_stream_finish_reason(response, _request):
    def change(event):
        return event.replace('"finish_reason": "stop"', '"finish_reason": null')

    return response.map_events(change) if is_stream(response) else response


def change_stream_usage(response, _request):
    def change(event):
        return event.replace('"total_tokens": ', '"total_tokens": 1')

    return response.map_events(change) if is_stream(response) else response


def change_usage(response, request):
    if request.path != CHAT or "usage" not in response.json:
        return response
    return response.with_json(usage={**response.json["usage"], "total_tokens": 1})


def change_finish_reason(response, request):
    if request.path != CHAT or "choices" not in response.json:
        return response
    return response.with_json(choices=[{**response.json["choices"][0], "finish_reason": "done"}])


def break_encoding(response, request):
    if request.path != CHAT:
        return response
    return replace(response, body=response.body.decode("latin-1").encode())


def change_error_shape(response, _request):
    return response if response.status < 400 else make_response(response.status, {"detail": "no"})


def drop_error_param(response, _request):
    if response.status < 400:
        return response
    error = {name: value for name, value in response.json["error"].items() if name != "param"}
    return response.with_json(error=error)


def answer_errors_with_html(response, _request):
    return response if response.status < 400 else make_response(response.status, HTML, "text/html")


def change_errors_to_500(response, _request):
    return response if response.status < 400 else replace(response, status=500)


def change_401_to_403(response, _request):
    return replace(response, status=403) if response.status == 401 else response


def cut_content(response, request):
    return (
        replace(response, body=response.body[:-1])
        if request.path.endswith("/content")
        else response
    )


def change_file_size(response, request):
    return (
        response.with_json(bytes=1)
        if (request.method, request.path) == ("POST", FILES)
        else response
    )


def change_file_name(response, request):
    is_file = (request.method, request.path) == ("POST", FILES)
    return response.with_json(filename="train.jsonl") if is_file else response


def skip_item_on_second_page(response, request):
    is_second = any(name == "after" for name, _ in request.query)
    return response.with_json(data=response.json["data"][1:]) if is_second else response


def sort_oldest_first(response, request):
    is_list = is_job_request(request, "/events") or is_job_request(request, "/checkpoints")
    if not is_list or "data" not in response.json:
        return response
    items = [
        {**item, "created_at": item["created_at"] + index}
        for index, item in enumerate(response.json["data"])
    ]
    return response.with_json(data=sorted(items, key=lambda item: item.get("step_number", 0)))


def rename_losses(response, _request):
    return replace(response, body=response.body.replace(b"_loss", b"_gain"))


def rename_checkpoint_models(response, request):
    if not is_job_request(request, "/checkpoints"):
        return response
    checkpoints = [{**e, "fine_tuned_model_checkpoint": "ft:none"} for e in response.json["data"]]
    return response.with_json(data=checkpoints)


def fail_jobs(response, request):
    if not is_job_request(request) or response.json.get("status") != "succeeded":
        return response
    error = {"code": "no_luck", "message": "no luck", "param": None}
    return response.with_json(status="failed", error=error, fine_tuned_model=None)


def drop_trained_tokens(response, request):
    return (
        response.with_json(trained_tokens=0)
        if is_job_request(request) and response.json
        else response
    )


def drop_finished_at(response, request):
    return (
        response.with_json(finished_at=None)
        if is_job_request(request) and response.json
        else response
    )


def change_epochs(response, request):
    if (request.method, request.path) != ("POST", JOBS) or "method" not in response.json:
        return response
    parameters = {"hyperparameters": {"n_epochs": 99}}
    return response.with_json(
        method={"type": "supervised", "supervised": parameters}, hyperparameters=None
    )


def empty_lists(response, request):
    is_list = request.method == "GET" and request.path in (JOBS, FILES)
    return response.with_json(data=[]) if is_list else response


def hide_tuned_models(response, request):
    if request.path != MODELS:
        return response
    bases = [card for card in response.json["data"] if not card["id"].startswith("ft:")]
    return response.with_json(data=bases)


def accept_late_cancel(response, request):
    if is_job_request(request, "/cancel") and response.status == 400:
        return make_response(200, {"id": request.path.split("/")[-2], "status": "cancelled"})
    return response


def answer_files_with_html(response, request):
    return make_response(200, HTML, "text/html") if request.path == FILES else response


RESPONSE_MUTANTS = [
    (empty_filtered_jobs, {"jobs.filter": "failed"}),
    (drop_done_event, {"stream.done": "failed"}),
    (break_stream_event, {"stream.chunks": "failed", "stream.done": "failed"}),
    (change_stream_ids, {"stream.chunks": "failed"}),
    (drop_stream_finish_reason, {"stream.finish_reason": "failed"}),
    (change_stream_usage, {"stream.usage": "failed"}),
    (change_usage, {"chat.usage": "failed", "chat.plain": "passed"}),
    (change_finish_reason, {"chat.finish_reason": "failed"}),
    (break_encoding, {"chat.unicode": "failed", "stream.unicode": "failed"}),
    (
        change_error_shape,
        {"files.unknown": "failed", "jobs.unknown": "failed", "chat.unknown_model": "failed"},
    ),
    (drop_error_param, {"errors.wrong_key": "failed", "models.unknown": "failed"}),
    (answer_errors_with_html, {"errors.unknown_call": "failed", "events.unknown": "failed"}),
    (change_errors_to_500, {"jobs.missing_file": "failed", "errors.param": "failed"}),
    (change_401_to_403, {"errors.no_key": "failed", "errors.wrong_key": "failed"}),
    (cut_content, {"files.content": "failed"}),
    (change_file_size, {"files.upload": "failed", "files.retrieve": "failed"}),
    (change_file_name, {"files.name": "failed"}),
    (
        skip_item_on_second_page,
        {"files.paging": "failed", "jobs.paging": "failed", "events.paging": "failed"},
    ),
    (sort_oldest_first, {"events.order": "failed", "checkpoints.order": "failed"}),
    (rename_losses, {"events.metrics": "failed", "checkpoints.list": "failed"}),
    (rename_checkpoint_models, {"checkpoints.usable": "failed"}),
    (fail_jobs, {"jobs.succeed": "failed", "events.list": "failed", "tuned.chat": "failed"}),
    (drop_trained_tokens, {"jobs.tokens": "failed"}),
    (drop_finished_at, {"jobs.finished": "failed"}),
    (change_epochs, {"jobs.hyperparameters": "failed"}),
    (empty_lists, {"files.list": "failed", "jobs.list": "failed"}),
    (hide_tuned_models, {"tuned.list": "failed", "models.list": "passed"}),
    (accept_late_cancel, {"cancel.late": "failed"}),
    (answer_files_with_html, {"files.upload": "failed"}),
]
