"""What real clients sent to an engine, replayed where none is installed."""

from tests.real.recording import read_recording

_ANSWERING = ("/v1/chat/completions", "/v1/responses")
# litellm is a server too, of whose other stories tests/providers makes use.
_STORIES = {
    "openai": None,
    "llm": None,
    "langchain-openai": None,
    "promptfoo": None,
    "litellm": ("proxy",),
}


def find_questions():
    """Return the exchanges in which a client asked a question and was answered, by their names."""
    found = {}
    for program, chosen in _STORIES.items():
        stories = read_recording(program).stories
        for story in chosen or stories:
            for number, exchange in enumerate(stories[story]):
                request = exchange["request"]
                answer = exchange["answer"]
                if request["path"] in _ANSWERING and answer["status"] == 200:
                    found[f"{program}-{story}-{number}"] = exchange
    return found


def replay_question(client, exchange, model):
    """Send a recorded question again for another model; return the response."""
    request = exchange["request"]
    path = request["path"].removeprefix("/v1")
    return client.post(path, json={**request["body"], "model": model})
