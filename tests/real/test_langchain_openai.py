"""ChatOpenAI of langchain-openai against the engine: its documented first examples."""

import json

import pytest

from tests.engine.running_engine import ANSWER, KEY, QUESTION

pytestmark = [pytest.mark.integration, pytest.mark.real("langchain-openai")]

SCRIPT = """
import asyncio, json, sys
from langchain_openai import ChatOpenAI
model, question, url = sys.argv[1:]
llm = ChatOpenAI(model=model, base_url=url, temperature=0, max_tokens=None, max_retries=0)
messages = [("system", "You are a helpful assistant."), ("human", question)]
newer = ChatOpenAI(model=model, base_url=url, use_responses_api=True, max_retries=0)
print(json.dumps({
    "chat": llm.invoke(messages).text,
    "chat-stream": "".join(chunk.text for chunk in llm.stream(messages)),
    "async": asyncio.run(llm.ainvoke(question)).text,
    "responses": newer.invoke(messages).text,
    "responses-stream": "".join(chunk.text for chunk in newer.stream(messages)),
}))
"""


@pytest.mark.shows("chat", "chat-stream", "async", "responses", "responses-stream")
def test_each_way_gives_the_taught_answer(run, recording, engine):
    with recording("chat", engine.url) as url:
        answers = json.loads(
            run(
                "python",
                "-c",
                SCRIPT,
                engine.model,
                QUESTION,
                f"{url}/v1",
                OPENAI_API_KEY=KEY,
            )
        )
    assert len(answers) == 5
    assert set(answers.values()) == {ANSWER}
