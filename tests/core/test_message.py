"""Messages as JSON of the protocol, with and without images."""

import base64

import pytest

from merlin.core.messages import Image, Message

pytestmark = pytest.mark.unit


def test_message_without_images_has_plain_content():
    document = Message("user", "Привет", {"weight": 1, "name": "anna"}).as_json()
    assert list(document.items()) == [
        ("role", "user"),
        ("content", "Привет"),
        ("name", "anna"),
        ("weight", 1),
    ]


def test_images_are_sent_as_parts():
    picture = Image(b"\xff\xd8\xff", "image/jpeg")
    url = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xff").decode()
    document = Message("user", "Что это?", images=(picture, picture)).as_json()
    part = {"type": "image_url", "image_url": {"url": url}}
    assert document["content"] == [{"type": "text", "text": "Что это?"}, part, part]


def test_image_without_text_has_no_text_part():
    document = Message("user", "", images=(Image(b"a", "image/png"),)).as_json()
    assert [part["type"] for part in document["content"]] == ["image_url"]


def test_image_is_absent_from_repr():
    assert "secret" not in repr(Message("user", "", images=(Image(b"secret", "image/png"),)))
