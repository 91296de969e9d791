"""Files over HTTP, through the openai package."""

import socket

import openai
import pytest

from tests.engine.running_engine import KEY, serve_engine

pytestmark = pytest.mark.functional


def test_files_are_listed_newest_first_in_pages(tmp_path):
    with serve_engine(tmp_path) as engine:
        names = [f"{number}.jsonl" for number in range(5)]
        for name in names:
            engine.upload(b"{}\n", name)
        list_files = engine.openai.files.list
        assert [file.filename for file in list_files()] == names[::-1]
        assert [file.filename for file in list_files(order="asc")] == names
        assert [file.filename for file in list_files(limit=2)] == names[::-1]
        first = list_files(limit=2)
        assert (len(first.data), first.has_more) == (2, True)
        assert list_files(limit=5).has_more is False
        assert list_files(purpose="batch").data == []


def test_deleted_file_is_removed_with_its_bytes(tmp_path):
    with serve_engine(tmp_path) as engine:
        file = engine.upload()
        assert engine.openai.files.delete(file.id).deleted
        with pytest.raises(openai.NotFoundError):
            engine.openai.files.retrieve(file.id)
        assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "purpose", "param"),
    [
        ("a.jsonl", "batch", "purpose"),
        ("a.txt", "fine-tune", "file"),
        ("a\x7f.jsonl", "fine-tune", "file"),
    ],
)
def test_file_with_a_wrong_name_or_purpose_is_refused(engine, name, purpose, param):
    with pytest.raises(openai.BadRequestError) as refused:
        engine.openai.files.create(file=(name, b"{}"), purpose=purpose)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


def test_path_in_a_file_name_is_stripped(engine):
    assert engine.upload(name="../../etc/a.jsonl").filename == "a.jsonl"


def test_upload_over_the_limit_is_refused_before_it_is_read(engine):
    head = [
        "POST /v1/files HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {KEY}",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Length: 600000000",
    ]
    with socket.create_connection(("127.0.0.1", engine.port)) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")
