"""Chat, images and voice of the provider's stand-in, through the openai package."""

import openai
import pytest

from merlin.sandbox import speech_samples

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
