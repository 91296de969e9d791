"""Files over HTTP, by the openai package as it is."""

from __future__ import annotations

import socket

import httpx2
import openai
import pytest

from tests.engine.running_engine import KEY, engine_in_thread, jsonl

pytestmark = pytest.mark.functional


def test_a_file_comes_back_as_it_was_sent(desk):
    content = jsonl() * 400
    file = desk.upload(content, "набор-train.jsonl")
    assert (file.filename, file.bytes, file.purpose) == (
        "набор-train.jsonl",
        len(content),
        "fine-tune",
    )
    assert (file.object, file.status) == ("file", "processed")
    assert desk.client.files.retrieve(file.id) == file
    assert desk.client.files.content(file.id).read() == content


def test_files_are_listed_newest_first_and_page_by_page(tmp_path):
    with engine_in_thread(tmp_path) as desk:
        names = [f"{number}.jsonl" for number in range(5)]
        for name in names:
            desk.upload(b"{}\n", name)
        listed = desk.client.files.list
        assert [file.filename for file in listed()] == names[::-1]
        assert [file.filename for file in listed(order="asc")] == names
        assert [file.filename for file in listed(limit=2)] == names[::-1]
        first = listed(limit=2)
        assert (len(first.data), first.has_more) == (2, True)
        assert listed(limit=5).has_more is False
        assert listed(purpose="batch").data == []


def test_a_deleted_file_is_gone_with_its_bytes(tmp_path):
    with engine_in_thread(tmp_path) as desk:
        file = desk.upload()
        assert desk.client.files.delete(file.id).deleted
        with pytest.raises(openai.NotFoundError):
            desk.client.files.content(file.id)
        assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "purpose", "param"),
    [
        ("a.jsonl", "batch", "purpose"),
        ("a.txt", "fine-tune", "file"),
        ("a\x7f.jsonl", "fine-tune", "file"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_by_name_or_purpose(desk, name, purpose, param):
    with pytest.raises(openai.BadRequestError) as refused:
        desk.client.files.create(file=(name, b"{}"), purpose=purpose)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


def test_a_path_in_the_name_is_cut_off(desk):
    assert desk.upload(name="../../etc/a.jsonl").filename == "a.jsonl"


def test_an_upload_that_is_no_form_is_refused(desk):
    url = f"http://127.0.0.1:{desk.port}/v1/files"
    answer = httpx2.post(url, content=b"{}", headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 400
    assert "multipart/form-data" in answer.json()["error"]["message"]


def test_an_upload_over_the_limit_is_refused_before_it_is_read(desk):
    head = [
        "POST /v1/files HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {KEY}",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Length: 600000000",
    ]
    with socket.create_connection(("127.0.0.1", desk.port)) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_the_same_upload_with_the_same_key_is_stored_once(tmp_path):
    with engine_in_thread(tmp_path) as desk:
        key = {"Idempotency-Key": "k1"}
        raw = desk.client.files.with_raw_response
        answers = [
            raw.create(file=("a.jsonl", jsonl()), purpose="fine-tune", extra_headers=key).content
            for _ in range(2)
        ]
        assert answers[0] == answers[1]
        assert len(desk.client.files.list().data) == 1
        assert len(list((tmp_path / "files").iterdir())) == 1


def test_another_upload_with_the_same_key_is_a_conflict(desk):
    key = {"Idempotency-Key": "k2"}
    desk.upload(extra_headers=key)
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        desk.upload(b"{}\n", extra_headers=key)
    assert refused.value.code == "idempotency_mismatch"


def test_a_deleted_file_can_be_uploaded_again_with_its_key(desk):
    key = {"Idempotency-Key": "k3"}
    first = desk.upload(extra_headers=key)
    desk.client.files.delete(first.id)
    again = desk.upload(extra_headers=key)
    assert again.id != first.id
    assert desk.client.files.content(again.id).read() == jsonl()
