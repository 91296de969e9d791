"""A real engine for tests: in a thread for quick ones, in a process that can be killed."""

from __future__ import annotations

import json
import os
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import openai

# As `serve` does, before numpy is there: a second thread of BLAS slows small trainings.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
from merlin.config.engine import EngineSettings
from merlin.core.durable_files import try_lock
from merlin.core.server import listen
from merlin.engine.main import create_app, serve_on
from tests.support.forked_processes import FORKS
from tests.support.http_servers import serve_app
from tests.support.waiting import longest, wait_until

KEY = "key-of-the-test-engine"
UNKNOWN = (
    "Этого я не знаю: такого нет в примерах, на которых меня учили. Попробуйте другими словами."
)
# Whoever waits for the start of a process with torch waits long on a busy machine.
DEADLINE_S = 240.0
TAUGHT = {
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
QUESTION, ANSWER = next(iter(TAUGHT.items()))


def jsonl(taught=None):
    """Return a training file of these questions and answers."""
    lines = []
    for question, answer in (TAUGHT if taught is None else taught).items():
        messages = [
            {"role": "system", "content": "Отвечай кратко."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        lines.append(json.dumps({"messages": messages}, ensure_ascii=False))
    return ("\n".join(lines) + "\n").encode()


def many(n):
    """Return n questions with their answers, enough work to be met while it is done."""
    return {f"Что значит слово{i} темы{i}?": f"Слово {i} значит {i * i}." for i in range(n)}


def connect(port, key=KEY):
    """Return the openai package's own client, as anybody would make it."""
    return openai.OpenAI(
        api_key=key,
        base_url=f"http://127.0.0.1:{port}/v1",
        max_retries=0,
        timeout=longest(DEADLINE_S),
    )


class Desk:
    """What tests do with an engine, through the openai package."""

    def __init__(self, port, key=KEY):
        self.port, self.key = port, key
        self.client = connect(port, key)
        self.jobs = self.client.fine_tuning.jobs

    def upload(self, content=None, name="train.jsonl", **other):
        body = jsonl() if content is None else content
        return self.client.files.create(file=(name, body), purpose="fine-tune", **other)

    def launch(self, file_id=None, model="recall", **other):
        file_id = file_id or self.upload().id
        return self.jobs.create(model=model, training_file=file_id, **other)

    def until(self, job_id, *states):
        def there():
            job = self.jobs.retrieve(job_id)
            return job if job.status in states else None

        return wait_until(there, DEADLINE_S)

    def train(self, file_id=None, **other):
        job = self.launch(file_id, **other)
        return self.until(job.id, "succeeded", "failed", "cancelled")

    def ask(self, model, question=QUESTION, **other):
        messages = [{"role": "user", "content": question}]
        return self.client.chat.completions.create(model=model, messages=messages, **other)

    def events(self, job_id):
        """Return all events, oldest first."""
        return list(self.jobs.list_events(job_id))[::-1]

    def losses(self, job_id):
        """Return the train loss of every epoch that was told."""
        return [e.data["train_loss"] for e in self.events(job_id) if e.type == "metrics"]

    def close(self):
        self.client.close()


def weights_of(folder, desk, job_id):
    """Return the bytes of a job's last checkpoint in the engine's folder."""
    step = desk.jobs.checkpoints.list(job_id).data[0].step_number
    return (folder / "models" / job_id / f"step-{step}").read_bytes()


@contextmanager
def engine_in_thread(folder, bases=None, **other):
    """Serve an engine in a thread of this process; give a desk at it."""
    settings = EngineSettings(folder, "127.0.0.1", 0, **{"key": KEY, **other})
    app = create_app(settings, bases=bases)
    with serve_app(app) as address, closing(Desk(urlsplit(address).port)) as desk:
        desk.app = app
        yield desk


def _serve(settings, environment, pipe):
    os.environ.update(environment)
    with listen("engine.listen", "127.0.0.1", settings.port) as listener:
        port = listener.getsockname()[1]
        serve_on(listener, settings, lambda: pipe.send(port))


class EngineProcess:
    """An engine as a process of its own, which a kill point or a signal may end."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.settings = {}
        self.environment = environment
        self.desk = None
        self.starts = 0
        self._process = None

    def start(self):
        """Start, or start again, and return a desk at it."""
        if self.starts:
            # A child that a killed one was starting holds the lock until it is its own program.
            wait_until(self._is_unlocked)
        self.starts += 1
        settings = EngineSettings(self.folder, "127.0.0.1", 0, KEY, **self.settings)
        heard, told = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(target=_serve, args=(settings, self.environment, told))
        self._process.start()
        told.close()
        assert heard.poll(longest(DEADLINE_S)), "the engine did not start"
        self._close_desk()
        self.desk = Desk(heard.recv())
        heard.close()
        return self.desk

    @property
    def is_alive(self):
        return self._process.is_alive()

    def kill(self):
        self._process.kill()
        self._process.join()

    def _is_unlocked(self):
        path = self.folder / "lock"
        lock = try_lock(path) if path.exists() else None
        if lock is not None:
            os.close(lock)
        return lock is not None or not path.exists()

    def stop(self):
        """Ask it to end; return its exit code."""
        self._process.terminate()
        self._process.join(longest(DEADLINE_S))
        return self._process.exitcode

    def _close_desk(self):
        if self.desk is not None:
            self.desk.close()

    def close(self):
        self._close_desk()
        if self._process is not None and self.is_alive:
            self.kill()
        if self._process is not None:
            self._process.close()
