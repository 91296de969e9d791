"""Chat, images and voice of the provider's stand-in, through the openai package."""

import openai
import pytest

from merlin.sandbox import speech_samples
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional

CHAT = "stand-in-chat"


def complete(client, text, system="", **options):
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": text})
    return client.chat.completions.create(model=CHAT, messages=messages, **options)


def test_overlong_conversation_is_refused(provider, client):
    provider.behave(context_window=20)
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, "слово " * 40)
    assert caught.value.code == "context_length_exceeded"
    assert "maximum context length is 20 tokens" in str(caught.value)


def test_sample_voice_is_transcribed_by_its_stored_text(client):
    sample = ("voice.oga", speech_samples.sample_voice())
    transcript = client.audio.transcriptions.create(model="stand-in-transcribe", file=sample)
    assert transcript.text == "Какие черты лица отвечают за глубину фиксации?"
    assert transcript.usage.seconds == speech_samples.seconds(speech_samples.sample_voice()) == 4
    assert (
        speech_samples.transcript_of(speech_samples.sample_voice("en"))
        == "How does binary search work?"
    )


def test_busy_and_broken_states_have_the_protocols_shape(provider, client):
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=429, retry_after_s=7))
    with pytest.raises(openai.RateLimitError) as caught:
        complete(client, "a")
    assert caught.value.response.headers["retry-after"] == "7"
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=503))
    with pytest.raises(openai.InternalServerError):
        complete(client, "a")
