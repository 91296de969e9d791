"""A real engine for tests: in a thread, or in a process that can be killed."""

import asyncio
import json
import os
import re
from contextlib import asynccontextmanager, closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import openai
import pytest

# As `serve` does, before numpy is imported: a second BLAS thread slows down small trainings.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
from merlin.config.engine import EngineSettings
from merlin.core.durable_files import try_lock
from merlin.core.server import listen
from merlin.engine import job_queue
from merlin.engine.context import Engine
from merlin.engine.main import create_app, serve_on
from tests.support.ending import wait_for_end
from tests.support.forked_processes import FORKS
from tests.support.http_servers import serve_app
from tests.support.waiting import longest, wait_until

KEY = "key-of-the-test-engine"
UNKNOWN = (
    "Этого я не знаю: такого нет в примерах, на которых меня учили."
    " Попробуйте другими словами."
)
# A process that imports torch can take long to start on a busy machine.
DEADLINE_S = 240.0
EXAMPLES = {
    "Что такое очередь?": "Очередь — это список, из которого берут в порядке прихода.",
    "Зачем нужен стек?": "Стек хранит адреса возврата: последний вошёл, первый вышел.",
    "Что такое граф?": "Граф — это вершины и рёбра между ними.",
    "Кто написал Онегина?": "«Евгения Онегина» написал Пушкин.",
    "Какая столица у Франции?": "Столица Франции — Париж.",
    "Сколько дней в неделе?": "В неделе семь дней.",
    "Как варить рис?": "Рис варят в двойном объёме воды.",
    "Где живут медведи?": "Медведи живут в лесу.",
    "Когда цветёт сирень?": "Сирень цветёт в мае.",
    "Что делает цикл?": "Цикл повторяет команды.",
    "Почему небо синее?": "Небо синее из-за рассеяния света.",
    "Чем измеряют температуру?": "Температуру измеряют термометром.",
}
QUESTION, ANSWER = next(iter(EXAMPLES.items()))


def build_training_file(examples=None):
    """Return a training file of these questions and answers."""
    lines = []
    for question, answer in (EXAMPLES if examples is None else examples).items():
        messages = [
            {"role": "system", "content": "Отвечай кратко."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        lines.append(json.dumps({"messages": messages}, ensure_ascii=False))
    return ("\n".join(lines) + "\n").encode()


def build_examples(n):
    """Return n questions with answers, enough to observe a training while it runs."""
    return {
        f"Что значит слово{i} темы{i}?": f"Слово {i} значит {i * i}." for i in range(n)
    }


def connect(port, key=KEY):
    """Return a client of the openai package."""
    return openai.OpenAI(
        api_key=key,
        base_url=f"http://127.0.0.1:{port}/v1",
        max_retries=0,
        timeout=longest(DEADLINE_S),
    )


class EngineClient:
    """Calls of an engine through the openai package."""

    def __init__(self, port, key=KEY):
        self.port = port
        self.key = key
        self.openai = connect(port, key)
        self.jobs = self.openai.fine_tuning.jobs

    def upload(self, content=None, name="train.jsonl", **options):
        body = build_training_file() if content is None else content
        return self.openai.files.create(
            file=(name, body), purpose="fine-tune", **options
        )

    def launch(self, file_id=None, model="recall", **options):
        file_id = file_id or self.upload().id
        return self.jobs.create(model=model, training_file=file_id, **options)

    def until(self, job_id, *states):
        def read_job():
            job = self.jobs.retrieve(job_id)
            return job if job.status in states else None

        return wait_until(read_job, DEADLINE_S)

    def train(self, file_id=None, **options):
        job = self.launch(file_id, **options)
        return self.until(job.id, "succeeded", "failed", "cancelled")

    def ask(self, model, question=QUESTION, **options):
        messages = [{"role": "user", "content": question}]
        return self.openai.chat.completions.create(
            model=model, messages=messages, **options
        )

    def relay(self, model, path, body):
        """Return the status of a call and its answer: a JSON object, or the list of its events."""
        headers = {"Authorization": f"Bearer {self.key}"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=longest(DEADLINE_S))
        with closing(connection):
            connection.request(
                "POST", f"/v1{path}", json.dumps({"model": model, **body}), headers
            )
            response = connection.getresponse()
            content = response.read().decode()
        if response.headers.get_content_type() != "text/event-stream":
            return response.status, json.loads(content)
        data = re.findall("^data: (.*)$", content, re.MULTILINE)
        return response.status, [
            each if each == "[DONE]" else json.loads(each) for each in data
        ]

    def events(self, job_id):
        """Return all events, oldest first."""
        return list(self.jobs.list_events(job_id))[::-1]

    def losses(self, job_id):
        """Return the train loss of each reported epoch."""
        return [
            e.data["train_loss"] for e in self.events(job_id) if e.type == "metrics"
        ]

    def close(self):
        self.openai.close()


def find_weights(folder, client, job_id):
    """Return the path of a job's last checkpoint in the engine's folder."""
    step = client.jobs.checkpoints.list(job_id).data[0].step_number
    return folder / "models" / job_id / f"step-{step}"


def create_engine_app(settings, bases=None):
    """Return the application of an engine that it opens when it starts, and closes at its end."""

    @asynccontextmanager
    async def open_engine(app):
        app.state.engine = engine = Engine(settings, bases)
        app.state.loop = asyncio.get_running_loop()
        yield
        await engine.close()

    app = create_app(settings)
    app.router.lifespan_context = open_engine
    return app


@contextmanager
def serve_engine(folder, bases=None, **options):
    """Serve an engine in a thread of this process; yield a client of it."""
    settings = EngineSettings(folder, "127.0.0.1", 0, **{"key": KEY, **options})
    app = create_engine_app(settings, bases)
    with (
        serve_app(app) as address,
        closing(EngineClient(urlsplit(address).port)) as client,
    ):
        client.app = app
        yield client


@contextmanager
def serve_idle_engine(folder):
    """Serve an engine that begins no job; yield a client of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_queue, "keep_working", lambda *_: None)
        with serve_engine(folder) as client:
            yield client


def _serve(settings, environment, pipe):
    os.environ.update(environment)
    with listen("engine.listen", "127.0.0.1", settings.port) as listener:
        port = listener.getsockname()[1]
        serve_on(listener, settings, lambda: pipe.send(port))


KILLED = 137  # the exit code at a kill point


class EngineProcess:
    """An engine in its own process, which a kill point or a signal can end."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.settings = {}
        self.environment = environment
        self.client = None
        self.starts = 0
        self._process = None

    def start(self):
        """Start or restart the engine; return a client of it."""
        if self.starts:
            # A child forked by the killed process holds its lock until it has called exec.
            wait_until(self._is_unlocked)
        self.starts += 1
        settings = EngineSettings(self.folder, "127.0.0.1", 0, KEY, **self.settings)
        receiver, sender = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(
            target=_serve, args=(settings, self.environment, sender)
        )
        self._process.start()
        sender.close()
        assert receiver.poll(longest(DEADLINE_S)), "the engine did not start"
        self._close_client()
        with receiver:
            try:
                self.client = EngineClient(receiver.recv())
            except EOFError:  # a kill point ended it before it listened
                wait_for_end(self._process)
                assert self._process.exitcode == KILLED
                return self.start()
        return self.client

    @property
    def is_alive(self):
        return self._process.is_alive()

    def kill(self):
        self._process.kill()
        wait_for_end(self._process)

    def _is_unlocked(self):
        path = self.folder / "lock"
        lock = try_lock(path) if path.exists() else None
        if lock is not None:
            os.close(lock)
        return lock is not None or not path.exists()

    def stop(self):
        """Terminate it; return its exit code."""
        self._process.terminate()
        self._process.join(longest(DEADLINE_S))
        return self._process.exitcode

    def _close_client(self):
        if self.client is not None:
            self.client.close()

    def close(self):
        self._close_client()
        if self._process is not None and self.is_alive:
            self.kill()
        if self._process is not None:
            self._process.close()
