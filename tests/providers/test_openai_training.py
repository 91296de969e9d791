"""Files, jobs and models over real HTTP: requests and parsed responses."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count

import httpx2
import openai
import pytest
from structlog.testing import capture_logs

from merlin.core.errors import (
    ModelGone,
    ProviderBusy,
    ProviderError,
    ProviderUnknown,
)
from merlin.providers.base import ENDLESS_LIST, LAUNCH_KEY, JobReport, NewJob
from merlin.providers.openai_training import OpenAIProvider, provider_errors
from tests.support.refusals import catch

pytestmark = pytest.mark.functional
KEY = "0123456789abcdef0123456789abcdef"
NAME = "merlin-нейро-0123456789ab-train.jsonl"
JOB = NewJob(
    base_model="gpt-4o-mini-2024-07-18",
    train_file="file-1",
    test_file="file-2",
    method="supervised",
    hyperparameters={"n_epochs": 3, "lora_r": 8},
    suffix="neuro",
    metadata={LAUNCH_KEY: KEY, "merlin_build": "нейро-7", "merlin_dataset": "нейро"},
)


def make_job(number, **fields):
    job = {
        "id": f"ftjob-{number}",
        "status": "running",
        "created_at": 1_700_000_000 + number,
    }
    return {**job, "metadata": {LAUNCH_KEY: KEY}, **fields}


def make_file(number, name=NAME, **fields):
    file = {
        "id": f"file-{number}",
        "filename": name,
        "bytes": 3,
        "purpose": "fine-tune",
    }
    return {**file, "created_at": 1_700_000_000 + number, **fields}


def make_page(*rows, more=False):
    return {"object": "list", "data": list(rows), "has_more": more}


def test_file_is_uploaded_whole_with_its_name_and_purpose(server, provider, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": []}\n' * 3)
    server.will(make_file(1))
    stored = provider.upload_file(NAME, path)
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/v1/files")
    for part in (path.read_bytes(), NAME.encode(), b"fine-tune", b'name="file"'):
        assert part in call.body
    assert stored == "file-1"
    assert call.headers["authorization"] == "Bearer sk-test-credential-1"


def test_same_file_is_uploaded_with_the_same_key(server, provider, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("{}")
    server.will({"id": "file-1"})
    stored = [provider.upload_file(name, path) for name in (NAME, NAME, "other.jsonl")]
    keys = [call.headers["idempotency-key"] for call in server.calls]
    assert keys[0] == keys[1] != keys[2]
    assert stored == ["file-1"] * 3


def test_file_is_found_by_its_exact_name_through_all_pages(server, provider):
    server.will(
        make_page(
            make_file(9),
            make_file(8, name=f"x{NAME}"),
            make_file(7, purpose="batch"),
            more=True,
        ),
        make_page(make_file(2), {"id": 5}, make_file(1)),
    )
    assert provider.find_files(NAME) == ["file-1", "file-2", "file-9"]
    first, second = server.calls
    assert first.query["purpose"] == ["fine-tune"]
    assert second.query["after"] == ["file-7"]


@pytest.mark.parametrize("kind", ["file", "model"])
def test_deletion_needs_no_body_and_nothing_to_delete(server, provider, reply, kind):
    server.will({"deleted": True}, reply(b""), reply({"error": {"message": "no"}}, 404))
    delete = provider.delete_file if kind == "file" else provider.delete_model
    for _ in range(3):
        delete(f"{kind}-1")
    assert [call.method for call in server.calls] == ["DELETE", "DELETE", "DELETE"]


def test_job_is_created_with_its_key_in_header_and_metadata(server, provider):
    server.will(make_job(1, status="validating_files"))
    report = provider.create_job(JOB)
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/v1/fine_tuning/jobs")
    assert call.headers["idempotency-key"] == KEY
    # The SDK adds no key of its own.
    assert sum("idempotency" in name for name in call.headers) == 1
    assert call.json == {
        "model": "gpt-4o-mini-2024-07-18",
        "training_file": "file-1",
        "validation_file": "file-2",
        "suffix": "neuro",
        "metadata": JOB.metadata,
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 3, "lora_r": 8}},
        },
    }
    assert (report.provider_job_id, report.status) == ("ftjob-1", "validating_files")


def test_unset_fields_are_not_sent(server, provider):
    server.will(make_job(1))
    unset = {"test_file": None, "suffix": "", "hyperparameters": {}}
    provider.create_job(replace(JOB, method="dpo", **unset))
    (call,) = server.calls
    assert set(call.json) == {"model", "training_file", "metadata", "method"}
    assert call.json["method"] == {"type": "dpo", "dpo": {}}


def test_jobs_are_found_by_their_key_even_when_the_filter_is_ignored(server, provider):
    fields = {LAUNCH_KEY: "x" * 32}
    none = {"metadata": None}
    server.will(
        make_page(
            make_job(9), make_job(8, metadata=fields), make_job(7, **none), more=True
        ),
        make_page(make_job(6, metadata={}), {"object": "what"}, make_job(2)),
    )
    assert [job.provider_job_id for job in provider.find_jobs(KEY)] == [
        "ftjob-2",
        "ftjob-9",
    ]
    first, second = server.calls
    assert first.query["metadata[merlin_launch]"] == [KEY]
    assert second.query["after"] == ["ftjob-7"]


def test_server_that_repeats_the_same_page_is_not_read_further(server, provider):
    server.will(make_page(make_job(2), make_job(1), more=True))
    assert {job.provider_job_id for job in provider.find_jobs(KEY)} == {
        "ftjob-1",
        "ftjob-2",
    }
    assert len(server.calls) == 2


def test_job_report_keeps_the_servers_own_words(server, provider):
    server.will(
        make_job(
            1,
            status="STARTED",
            fine_tuned_model="ft:x",
            trained_tokens=77,
            error={"code": "bad_file", "message": "line 3", "param": "training_file"},
        )
    )
    assert provider.read_job("ftjob-1") == JobReport(
        provider_job_id="ftjob-1",
        status="STARTED",
        model_id="ft:x",
        trained_tokens=77,
        error="bad_file: line 3 (training_file)",
        created_at=datetime.fromtimestamp(1_700_000_001, UTC),
        metadata={LAUNCH_KEY: KEY},
    )


@pytest.mark.parametrize(
    "empty",
    [
        {
            "error": None,
            "fine_tuned_model": None,
            "trained_tokens": None,
            "created_at": None,
        },
        {"error": {}, "fine_tuned_model": "", "created_at": 0},
        {"error": {"code": None, "message": None, "param": None}},
        {"error": "", "trained_tokens": "many", "created_at": "later"},
        {"trained_tokens": True, "created_at": 1e300},
        {"trained_tokens": -1},
    ],
)
def test_missing_fields_of_a_job_are_empty(server, provider, empty):
    server.will(make_job(1, **empty))
    report = provider.read_job("ftjob-1")
    assert (report.error, report.model_id, report.trained_tokens) == ("", None, 0)
    assert (report.created_at is None) is ("created_at" in empty)


def test_job_is_cancelled(server, provider):
    server.will(make_job(1, status="cancelled"))
    assert provider.cancel_job("ftjob-1").status == "cancelled"
    assert [call.path for call in server.calls] == [
        "/v1/fine_tuning/jobs/ftjob-1/cancel"
    ]


def make_event(number, **fields):
    event = {
        "id": f"e{number}",
        "created_at": 1_700_000_000 + number // 2,
        "message": f"m{number}",
    }
    return {**event, "level": "info", "type": "message", **fields}


def test_events_are_read_up_to_a_known_one_and_returned_oldest_first(server, provider):
    server.will(
        make_page(make_event(6), make_event(5), more=True),
        make_page(
            make_event(4, type="metrics", data={"step": 1}),
            make_event(3),
            make_event(2),
            more=True,
        ),
        make_page(make_event(1)),
    )
    events = provider.list_events("ftjob-1", frozenset({"e3"}))
    assert [line.event_id for line in events] == ["e2", "e4", "e5", "e6"]
    assert (events[1].kind, events[1].data, events[1].message) == (
        "metrics",
        {"step": 1},
        "m4",
    )
    assert [call.query.get("after") for call in server.calls] == [None, ["e5"]]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_server_without_events_gives_empty_lists(server, provider, reply, status):
    server.will(reply({"error": {"message": "no"}}, status))
    assert provider.list_events("ftjob-1", frozenset()) == []
    assert provider.list_checkpoints("ftjob-1") == []


def test_checkpoints_are_sorted_by_step_with_numeric_metrics(server, provider):
    rows = [
        {
            "id": f"c{step}",
            "fine_tuned_model_checkpoint": f"ft:x:{step}",
            "step_number": step,
            "metrics": {
                "train_loss": 0.5,
                "full_valid_loss": None,
                "step": step,
                "note": "x",
            },
        }
        for step in (20, 10, 10**30)
    ]
    server.will(make_page(rows[0], more=True), make_page(*rows[1:]))
    checkpoints = provider.list_checkpoints("ftjob-1")
    assert [(checkpoint.model_id, checkpoint.step) for checkpoint in checkpoints] == [
        (f"ft:x:{10**30}", 0),
        ("ft:x:10", 10),
        ("ft:x:20", 20),
    ]
    assert checkpoints[1].metrics == {"train_loss": 0.5, "step": 10}


LISTS = [
    pytest.param(lambda provider: provider.find_files(NAME), make_file, id="files"),
    pytest.param(lambda provider: provider.find_jobs(KEY), make_job, id="jobs"),
    pytest.param(
        lambda provider: provider.list_events("ftjob-1", frozenset()),
        make_event,
        id="events",
    ),
    pytest.param(
        lambda provider: provider.list_checkpoints("ftjob-1"),
        lambda n: {"id": f"c{n}", "fine_tuned_model_checkpoint": f"ft:x:{n}"},
        id="checkpoints",
    ),
]


@pytest.mark.parametrize(
    ("limits", "calls"), [({"max_pages": 5}, 5), ({"list_s": 0.0}, 1)]
)
@pytest.mark.parametrize(("read", "make"), LISTS)
def test_list_without_an_end_is_left(server, read, make, limits, calls):
    numbers = count()
    server.will(lambda: make_page(make(next(numbers)), more=True))
    with (
        closing(OpenAIProvider(server.base_url, "sk-key", **limits)) as provider,
        pytest.raises(ProviderBusy, match=r"the list /v1/\S+ has no end") as left,
    ):
        read(provider)
    assert left.value.code == ENDLESS_LIST
    assert len(server.calls) == calls


@pytest.mark.parametrize(("read", "make"), LISTS)
def test_list_is_read_up_to_the_most_pages(server, read, make):
    server.will(*(make_page(make(number), more=number < 2) for number in range(3)))
    provider = OpenAIProvider(server.base_url, "sk-key", max_pages=3)
    with closing(provider):
        assert len(read(provider)) == 3


@pytest.mark.parametrize("act", ["read_job", "cancel_job"])
def test_answer_about_another_job_is_refused(server, provider, act):
    server.will(make_job(2, status="succeeded", fine_tuned_model="ft:of another"))
    with pytest.raises(ProviderBusy, match="it is about the job ftjob-2"):
        getattr(provider, act)("ftjob-1")


@pytest.mark.parametrize("name", ["id", "status", "fine_tuned_model"])
def test_name_that_is_too_long_is_refused_and_never_cut(server, provider, name):
    longest = "x" * 512
    server.will(make_job(1, **{name: longest}))
    report = provider.read_job(longest if name == "id" else "ftjob-1")
    assert longest in (report.provider_job_id, report.status, report.model_id)
    server.will(make_job(1, **{name: f"{longest}x"}))
    with pytest.raises(ProviderBusy, match=f"{name} has 513 characters"):
        provider.read_job("ftjob-1")


@pytest.mark.parametrize(
    "field", ["id", "status", "fine_tuned_model", "model", "training_file"]
)
@pytest.mark.parametrize(
    "mark", ["\x1b[2J", "\x00", "\n", "\u202e", "\u2066", "\u200b"]
)
def test_name_with_invisible_characters_is_refused(server, provider, field, mark):
    server.will(make_job(1, **{field: f"a{mark}b"}))
    with pytest.raises(ProviderBusy, match=f"{field} has invisible characters"):
        provider.read_job("ftjob-1")


@pytest.mark.parametrize(
    "field", ["id", "fine_tuned_model", "training_file", "validation_file"]
)
@pytest.mark.parametrize("name", ["..", "../files/1", "ft:a/../b", "a/."])
def test_name_that_leads_to_another_address_is_refused(server, provider, field, name):
    server.will(make_job(1, **{field: name}))
    with pytest.raises(ProviderBusy, match=f"{field} leads to another address"):
        provider.read_job("ftjob-1")
    fine = "ft:org/a..b:c/.d"
    server.will(make_job(1, **{field: fine}))
    provider.read_job(fine if field == "id" else "ftjob-1")


def test_model_whose_name_nobody_can_read_is_left_out_of_the_list(server, provider):
    names = ["gpt\u202e4", "../models/a.gguf", "b\x07", "Модель 1"]
    server.will(make_page(*({"id": name} for name in names)))
    with capture_logs() as logged:
        listed = [card.model_id for card in provider.models()]
    # llama.cpp names a model by its path.
    assert listed == ["../models/a.gguf", "Модель 1"]
    assert [each["name"] for each in logged] == [r"'gpt\u202e4'", r"'b\x07'"]


def test_name_of_a_stored_file_is_shown_without_invisible_characters(server, provider):
    server.will(make_page(make_file(1) | {"filename": "a\u202eb\x1b.jsonl"}))
    [stored] = provider.list_files()
    assert stored.name == "ab.jsonl"


def test_models_keep_the_servers_order_and_have_their_last_day(server, provider):
    server.will(
        make_page(
            {"id": "recall", "context_window": 8192, "shutdown_date": None},
            {"id": "gpt-4o", "shutdown_date": "2027-01-14"},
            {"id": "b", "shutdown_date": "some day", "max_model_len": 4096},
        )
    )
    models = [
        (card.model_id, card.shutdown_date, card.context_window)
        for card in provider.models()
    ]
    assert models == [
        ("recall", None, 8192),
        ("gpt-4o", date(2027, 1, 14), None),
        ("b", None, 4096),
    ]


def test_proxy_of_the_environment_is_not_used_for_localhost(
    server, provider, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    server.will(make_job(1))
    with closing(OpenAIProvider(server.base_url, "key")) as local_provider:
        assert local_provider.read_job("ftjob-1").status == "running"


def test_half_a_character_and_an_impossible_time_do_not_stop_polling(server, provider):
    half = (
        "ab\ud83d"  # a text that was cut inside of an emoji: half of a surrogate pair
    )
    server.will({"id": half, "status": half, "created_at": 1e18})
    job = provider.read_job("ab\N{REPLACEMENT CHARACTER}")
    assert (job.provider_job_id, job.status) == ("ab\N{REPLACEMENT CHARACTER}",) * 2
    assert job.created_at is None


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx2.ReadError("cut"), ProviderUnknown),
        (httpx2.ConnectError("refused"), ProviderBusy),
        (httpx2.UnsupportedProtocol("ftp"), ProviderError),
        (TimeoutError(), ProviderUnknown),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), ProviderUnknown),
        (openai.OpenAIError("no key"), ProviderError),
        (openai.APIError("in a stream", None, body={}), ProviderUnknown),
        (
            openai.APIError("no", None, body={"code": "model_not_found"}),
            ModelGone,
        ),
    ],
)
def test_exception_of_a_call_that_creates_tells_whether_it_may_have_been_made(
    raised, kind
):
    with pytest.raises(ProviderError) as caught, provider_errors(creates=True):
        raise raised
    assert type(caught.value) is kind


def test_stored_file_and_all_jobs_are_read(server, provider, reply):
    server.will(reply(b"a line\n"), make_page(make_job(2), make_job(1)))
    assert provider.read_file("file-1") == b"a line\n"
    assert [job.provider_job_id for job in provider.list_jobs()] == [
        "ftjob-2",
        "ftjob-1",
    ]
    assert server.calls[0].path == "/v1/files/file-1/content"


def test_file_that_may_not_be_deleted_is_told_and_one_that_is_gone_is_not(
    server, provider, reply
):
    server.will(reply({}, 404), reply({}, 403))
    provider.delete_file("file-1")
    assert catch(ProviderError, provider.delete_file, "file-1").status == 403
