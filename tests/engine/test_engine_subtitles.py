"""A transcript in the subtitle formats."""

import pytest

from merlin.engine.transcription import build_response, format_timestamp

pytestmark = pytest.mark.unit

HEARD = {"duration": 3661.5, "segments": [{"start": 0.0, "end": 3661.5, "text": " One\n\ntwo."}]}


@pytest.mark.parametrize(
    ("answer_format", "written"),
    [
        ("srt", b"1\n00:00:00,000 --> 01:01:01,500\nOne\ntwo.\n"),
        ("vtt", b"WEBVTT\n\n00:00:00.000 --> 01:01:01.500\nOne\ntwo.\n"),
    ],
)
def test_cue_has_no_empty_line(answer_format, written):
    assert build_response(HEARD, answer_format).body == written


def test_timestamp_rounds_up_across_units():
    assert format_timestamp(59.9996, ".") == "00:01:00.000"
