"""Refusals of real servers, as they were recorded, and what Merlin makes of them."""

import pytest

from tests.real import refusals
from tests.real.recording import read_recording, replay
from tests.real.refusals import NO_SCHEMA, REFUSALS, check_refusal
from tests.support.scripted_server import Reply

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(("program", "story"), REFUSALS)
def test_refusal_of_a_real_server_is_understood(server, tmp_path, program, story):
    status, content, _ = replay(read_recording(program).answer(story))
    server.will(Reply(content, status))
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    calls = {
        "ask": lambda: refusals.ask(server.url, "key", "m", response_format=NO_SCHEMA),
        "ask_whole": lambda: refusals.ask_whole(server.url, "key", "m"),
        "upload": lambda: refusals.upload(server.url, "key", path),
        "create_job": lambda: refusals.create_job(server.url, "key"),
    }
    check_refusal(program, story, calls[REFUSALS[program, story][2]])
