"""Transcriptions through the openai package, with a tiny Whisper of random weights.

Its text is meaningless but deterministic: these tests cover the route, not the model.
"""

import asyncio
import gc
import os
import re
import signal
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path

import httpx2
import openai
import pytest

from merlin.config.engine import EngineAnsweringConfig
from merlin.engine.transcription import Transcriber
from tests.engine.recordings import record_tone
from tests.engine.running_engine import KEY, serve_engine
from tests.engine.tiny_whisper import write_whisper
from tests.support.machine import skip_or_fail
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional
TIME = r"\d\d:\d\d:\d\d[.,]\d\d\d"


@pytest.fixture(scope="module")
def whisper(needs_torch, tmp_path_factory):
    reason = "run `make engine`: not installed is faster_whisper"
    skip_or_fail(None if find_spec("faster_whisper") else reason)
    return write_whisper(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="module")
def transcriber(whisper, tmp_path_factory):
    """An engine with speech recognition; tests do not change its child."""
    folder = tmp_path_factory.mktemp("engine")
    with serve_engine(folder, hearing=str(whisper)) as engine:
        yield engine


def transcribe(engine, sound=None, **options):
    arguments = {"model": "tiny", "file": ("tone.wav", sound or record_tone()), **options}
    return engine.openai.audio.transcriptions.create(**arguments)


def list_children():
    """Return the ids of the transcription children of this process."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            is_child = b"merlin.engine.transcription_child" in path.read_bytes()
            stat = (path.parent / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if is_child and int(stat[1]) == os.getpid():
            pids.append(int(path.parent.name))
    return pids


def test_recording_is_transcribed_with_its_duration(transcriber):
    transcript = transcribe(transcriber)
    assert transcript.text
    assert (transcript.usage.type, transcript.usage.seconds) == ("duration", 2)


def test_model_is_also_available_as_whisper_1(transcriber):
    assert transcribe(transcriber, model="whisper-1").text == transcribe(transcriber).text


def test_same_recording_gives_the_same_transcript(transcriber):
    assert (
        transcribe(transcriber, temperature=0, language="ru").text
        == transcribe(transcriber, language="RU").text
    )


def test_every_response_format_of_the_protocol_is_supported(transcriber):
    text = transcribe(transcriber).text
    assert transcribe(transcriber, response_format="text") == f"{text}\n"
    srt = transcribe(transcriber, response_format="srt")
    assert re.match(rf"1\n{TIME} --> {TIME}\n", srt)
    vtt = transcribe(transcriber, response_format="vtt")
    assert re.match(rf"WEBVTT\n\n{TIME} --> {TIME}\n", vtt)
    assert ("," in srt.split("\n")[1], "." in vtt.split("\n")[2]) == (True, True)


def test_verbose_json_has_segments_and_on_request_words(transcriber):
    long = transcribe(transcriber, response_format="verbose_json", language="de")
    assert (long.language, float(long.duration), long.words) == ("de", 2.0, None)
    assert "".join(segment.text for segment in long.segments).strip() == long.text
    assert all(segment.avg_logprob < 0 for segment in long.segments)
    both = ["segment", "word"]
    timed = transcribe(transcriber, response_format="verbose_json", timestamp_granularities=both)
    assert timed.words
    assert all(word.start <= word.end for word in timed.words)


def test_prompt_is_accepted(transcriber):
    assert transcribe(transcriber, prompt="A lecture on queues.").text


@pytest.mark.parametrize("sound", [b"no sound at all", b"\x00" * 100_000, record_tone(0.0)])
def test_file_without_audio_is_refused_and_the_next_one_is_transcribed(transcriber, sound):
    with pytest.raises(openai.BadRequestError) as refused:
        transcribe(transcriber, sound)
    assert refused.value.param == "file"
    assert transcribe(transcriber).text


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"language": "klingon"}, "language"),
        ({"temperature": 2}, "temperature"),
        ({"response_format": "html"}, "response_format"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"extra_body": {"stream": "true"}}, "stream"),
    ],
)
def test_invalid_option_is_refused_with_its_field(transcriber, options, param):
    with pytest.raises(openai.BadRequestError) as refused:
        transcribe(transcriber, **options)
    assert refused.value.param == param


def test_unknown_model_returns_404(transcriber):
    with pytest.raises(openai.NotFoundError, match="transcribed by tiny"):
        transcribe(transcriber, model="large")


def test_recording_over_the_limit_is_refused(transcriber):
    with pytest.raises(openai.APIStatusError) as refused:
        transcribe(transcriber, b"x" * 27_000_000)
    assert refused.value.status_code == 413
    assert "25 MB" in refused.value.message


def test_request_without_a_file_names_the_required_fields(transcriber):
    url = f"http://127.0.0.1:{transcriber.port}/v1/audio/transcriptions"
    head = {"Authorization": f"Bearer {KEY}"}
    message = httpx2.post(url, headers=head, content=b"x").json()["error"]["message"]
    assert "'file' and 'model'" in message
    form = {"model": (None, "tiny")}
    assert httpx2.post(url, headers=head, files=form).json()["error"]["param"] == "file"


def test_caller_who_leaves_ends_the_transcription(transcriber, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    transcribe(transcriber)
    (child,) = list_children()
    os.kill(child, signal.SIGSTOP)  # it would never answer
    field = '--cut\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}'
    form = field.format("model", "tiny\r\n") + field.format('file"; filename="tone.wav', "")
    body = form.encode() + record_tone() + b"\r\n--cut--\r\n"
    call = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=cut\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", transcriber.port)) as caller:
        caller.sendall(call.encode() + body)
        wait_until(lambda: any(tmp_path.glob("merlin-heard-*")))
    wait_until(lambda: child not in list_children())


def test_killed_child_is_restarted(transcriber):
    transcribe(transcriber)
    for pid in list_children():
        os.kill(pid, signal.SIGKILL)
    # The first request can still reach the dead child.
    assert wait_until(lambda: _transcribe_or_none(transcriber))


def _transcribe_or_none(engine):
    try:
        return transcribe(engine).text
    except openai.InternalServerError:
        return None


def test_idle_child_is_stopped(whisper, tmp_path):
    idle = EngineAnsweringConfig(idle_s=0.1)
    before = set(list_children())
    with serve_engine(tmp_path, hearing=str(whisper), answering=idle) as engine:
        transcribe(engine)
        wait_until(lambda: not set(list_children()) - before)
        assert transcribe(engine).text


def test_child_ends_with_the_engine(whisper, tmp_path):
    before = set(list_children())
    with serve_engine(tmp_path, hearing=str(whisper)) as engine:
        transcribe(engine)
        assert set(list_children()) - before
    assert not set(list_children()) - before


@pytest.mark.parametrize("turns", [2, 4, 8])
def test_closing_waits_for_a_child_that_is_being_stopped(whisper, tmp_path, turns):
    sound = tmp_path / "tone.wav"
    sound.write_bytes(record_tone())
    before = set(list_children())

    async def transcribe_and_close():
        transcriber = Transcriber(str(whisper), "cpu", 1e-9, tmp_path / "child.log")
        await transcriber.transcribe(sound)
        for _ in range(turns):
            await asyncio.sleep(0)
        await transcriber.close()

    asyncio.run(transcribe_and_close())
    # An open transport raises a ResourceWarning here, which pytest turns into an error.
    gc.collect()
    assert not set(list_children()) - before


def test_engine_without_a_transcription_model_names_the_setting(engine):
    with pytest.raises(openai.BadRequestError, match=r"engine\.hearing"):
        transcribe(engine)


def test_folder_without_a_model_is_named(needs_torch, tmp_path):
    with (
        serve_engine(tmp_path / "engine", hearing=str(tmp_path)) as engine,
        pytest.raises(openai.BadRequestError, match=re.escape(str(tmp_path))),
    ):
        transcribe(engine, model=tmp_path.name)
