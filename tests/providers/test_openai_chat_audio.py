"""Transcription over real HTTP: requests, responses and errors."""

import asyncio
from contextlib import aclosing

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.i18n import text
from merlin.providers.openai_chat import OpenAIAudio
from merlin.sandbox import speech_samples
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional
MODEL = "stand-in-transcribe"


def transcribe(base_url, sound=b"OggS", name="voice.oga"):
    async def request_transcript():
        async with aclosing(OpenAIAudio(base_url, "sk-key", MODEL)) as audio:
            return await audio.transcribe(sound, name)

    return asyncio.run(request_transcript())


def test_sample_voice_is_transcribed():
    with ProviderStandIn() as standin:
        transcript = transcribe(standin.base_url, speech_samples.sample_voice())
        assert transcript == "Какие черты лица отвечают за глубину фиксации?"
        silent_text = transcribe(standin.base_url, b"OggS" + bytes(60))
        assert silent_text == text("ru", "stand-in-no-words")


@pytest.mark.parametrize(
    ("sound", "seconds"),
    [(speech_samples.sample_voice(), 4), (b"OggS", 0), (b"", 0)],
)
def test_length_of_a_voice_is_known_from_its_last_page(sound, seconds):
    assert speech_samples.seconds(sound) == seconds


def test_request_has_the_protocols_form(server, reply):
    server.will(reply({"text": "раз"}))
    transcribe(server.base_url, b"OggS-sound", "voice.oga")
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/v1/audio/transcriptions")
    assert call.headers["authorization"] == "Bearer sk-key"
    for part in (
        b'name="model"\r\n\r\n' + MODEL.encode(),
        b'filename="voice.oga"',
        b"OggS-sound",
    ):
        assert part in call.body


NO_MODEL = {
    "error": {"message": "The model `x` does not exist", "code": "model_not_found"}
}


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"body": {"text": 5}}, ProviderBusy),
        ({"drop": True}, ProviderBusy),
        ({"status": 503}, ProviderBusy),
        ({"status": 400, "body": {"error": {"message": "bad"}}}, ProviderError),
        ({"status": 401}, ProviderError),
        ({"status": 404, "body": NO_MODEL}, ModelGone),
        ({"status": 404, "body": {"detail": "Model whisper-9 not found"}}, ModelGone),
        ({"status": 404, "body": {"detail": "Not Found"}}, ProviderError),
    ],
)
def test_failure_is_reported_as_our_error(server, reply, response, error):
    server.will(reply(**response))
    with pytest.raises(ProviderError) as caught:
        transcribe(server.base_url)
    assert type(caught.value) is error
    assert len(server.calls) == 1
    assert "sk-key" not in str(caught.value)
