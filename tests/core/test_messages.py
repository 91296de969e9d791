"""Messages as JSON of the protocol, with and without images."""

import base64

import pytest

from merlin.core.messages import Image, Message

pytestmark = pytest.mark.unit


def test_images_are_sent_as_parts():
    picture = Image(b"\xff\xd8\xff", "image/jpeg")
    url = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xff").decode()
    document = Message("user", "Что это?", images=(picture, picture)).as_json()
    part = {"type": "image_url", "image_url": {"url": url}}
    assert document["content"] == [{"type": "text", "text": "Что это?"}, part, part]


def test_image_is_absent_from_repr():
    assert "secret" not in repr(
        Message("user", "", images=(Image(b"secret", "image/png"),))
    )
