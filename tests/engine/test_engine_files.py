"""Files over HTTP, through the openai package."""

import socket
from contextlib import contextmanager
from itertools import chain, repeat
from select import select

import openai
import pytest

from tests.engine.running_engine import KEY, serve_engine
from tests.support.waiting import longest

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
        for call in (engine.openai.files.retrieve, engine.openai.files.content):
            with pytest.raises(openai.NotFoundError):
                call(file.id)
        assert list((tmp_path / "files").iterdir()) == []


def test_content_is_the_uploaded_bytes(engine):
    content = b'{"a": "\xd0\x94"}\r\n\n\x00'
    file = engine.upload(content)
    assert engine.openai.files.content(file.id).read() == content
    assert file.bytes == len(content)


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


def test_form_without_a_file_is_refused(engine):
    with pytest.raises(openai.BadRequestError, match="must be an upload") as refused:
        engine.openai.post("/files", body={"purpose": "fine-tune"}, cast_to=object)
    assert refused.value.param == "file"


def test_file_that_is_to_expire_is_refused(engine):
    after = {"anchor": "created_at", "seconds": 3600}
    with pytest.raises(openai.BadRequestError) as refused:
        engine.upload(b"{}\n", expires_after=after)
    assert refused.value.param == "expires_after"


def test_path_in_a_file_name_is_stripped(engine):
    assert engine.upload(name="../../etc/a.jsonl").filename == "a.jsonl"


@contextmanager
def begin_upload(engine, *headers):
    """Yield a connection that has sent the head of an upload."""
    head = [
        "POST /v1/files HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {KEY}",
        "Content-Type: multipart/form-data; boundary=x",
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", engine.port), longest()) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode())
        yield line


def test_upload_over_the_limit_is_refused_before_it_is_read(engine):
    with begin_upload(engine, "Content-Length: 600000000") as line:
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")


FILE_HEAD = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n'
    b"Content-Type: application/jsonl\r\n\r\n"
)


@pytest.mark.parametrize(
    "start",
    [FILE_HEAD, FILE_HEAD + b"{}\r\n--x--\r\n"],
    ids=["in the file", "after the form"],
)
def test_upload_without_a_size_is_counted_while_it_is_read(tmp_path, start):
    with serve_engine(tmp_path, max_file_bytes=3_000_000) as engine:
        with begin_upload(engine, "Transfer-Encoding: chunked") as line:
            for chunk in chain([start], repeat(b"a" * 65_536, 100)):
                try:
                    line.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                except ConnectionError:
                    break
                if select([line], [], [], 0)[0]:
                    break
            assert line.recv(4096).startswith(b"HTTP/1.1 413 ")
        assert engine.openai.files.list().data == []
        assert list((tmp_path / "files").iterdir()) == []
