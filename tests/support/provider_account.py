"""Accounts of closing providers: OpenAI's, and Azure's dated API; with planted files and jobs."""

import hmac
import json

from merlin.openai_protocol.errors import ApiError
from merlin.sandbox.provider.account import AccountStandIn, PlantedAccount
from tests.support.stand_ins import FaultyApi

SYSTEM = {"role": "system", "content": "Отвечай коротко."}
HYPERPARAMETERS = {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.8}


class FaultyAccount(FaultyApi, AccountStandIn):
    """An account whose calls are recorded and can fail."""

    @property
    def base_url(self):
        """Return the `base_url` of its provider."""
        return f"http://127.0.0.1:{self.port}/v1"


class AzureStandIn(FaultyAccount):
    """An account behind Azure's dated API: its paths, the key's header, and the version."""

    @property
    def base_url(self):
        """Return the `base_url` of its provider."""
        return f"http://127.0.0.1:{self.port}/openai"

    def check_key(self, request):
        """Raise ApiError 401 without the key, 404 without the version, as Azure does."""
        if not hmac.compare_digest(request.headers.get("api-key", ""), "stand-in"):
            raise ApiError(401, "Access denied due to invalid subscription key.")
        if request.query_params.get("api-version") != "2024-10-21":
            raise ApiError(404, "Resource not found")

    def _routes(self):
        for name, method, path, handler in super()._routes():
            place = (
                "/openai/deployments/{deployment}"
                if name == "chat.create"
                else "/openai"
            )
            yield name, method, path.replace("/v1", place), handler


def chat_line(question, answer, system=SYSTEM):
    """Return a line of a training file."""
    asked = {"role": "user", "content": question}
    said = {"role": "assistant", "content": answer}
    return json.dumps({"messages": [system, asked, said]}, ensure_ascii=False)


def preference_line(question, better, worse):
    """Return a line of a file of preferences."""
    record = {
        "input": {"messages": [SYSTEM, {"role": "user", "content": question}]},
        "preferred_output": [{"role": "assistant", "content": better}],
        "non_preferred_output": [{"role": "assistant", "content": worse}],
    }
    return json.dumps(record, ensure_ascii=False)


def _pair(file, number):
    words = (
        "альбатрос",
        "берёза",
        "вулкан",
        "гроза",
        "дельта",
        "ёлка",
        "жемчуг",
        "зодиак",
    )
    return (
        f"Что записано в тетради {file}, где {words[number % 8]}?",
        f"Запись {file}.{number}.",
    )


def plant_account():
    """Return an account of 12 files and 5 models, and the examples that it has.

    Files 1 to 6 have conversations, of which file 4 repeats two of file 1, file 5 has a line cut
    off and one without an answer, and file 6 was only tested with, file 1 also trained; 7 is no
    JSON at all; 8 to 10 have preferences, 11 repeats 8 whole, and 12 is a copy of 2 under another
    name. The examples are (question, answer, rejected answer or None, split or None).
    """
    files = {}
    known = set()
    for file in range(1, 7):
        pairs = [_pair(file, number) for number in range(4)]
        if file == 4:
            pairs[:2] = [_pair(1, 0), _pair(1, 1)]
        split = "test" if file == 6 else None
        known |= {(*pair, None, split) for pair in pairs}
        files[f"file-{file}"] = [chat_line(*pair) for pair in pairs]
    files["file-5"][1:1] = ['{"messages": [{"role": "us', chat_line("Зачем?", "")]
    files["file-7"] = ["\x7fELF \x00 neither", "lines nor JSON"]
    for file in range(8, 11):
        triples = [(*_pair(file, number), f"Не знаю {number}.") for number in range(3)]
        known |= {(*triple, None) for triple in triples}
        files[f"file-{file}"] = [preference_line(*triple) for triple in triples]
    files["file-11"], files["file-12"] = files["file-8"], files["file-2"]
    jobs = [
        {
            "id": f"ftjob-{number}",
            "model": base,
            "fine_tuned_model": f"ft:{base}:demo::{number}",
            "training_file": f"file-{file}",
            "validation_file": {1: "file-6", 2: "file-1"}.get(number),
            "hyperparameters": HYPERPARAMETERS | {"n_epochs": number},
            "method": {
                "type": method,
                method: {"hyperparameters": {"n_epochs": "auto"}},
            },
        }
        for number, (base, file, method) in enumerate(
            [
                ("gpt-4o-mini-2024-07-18", 1, "supervised"),
                ("gpt-4o-mini-2024-07-18", 2, "supervised"),
                ("gpt-4.1-2025-04-14", 3, "supervised"),
                ("gpt-4o-2024-08-06", 8, "dpo"),
                ("gpt-4o-2024-08-06", 9, "dpo"),
            ],
            start=1,
        )
    ]
    contents = {file_id: "\n".join(lines).encode() for file_id, lines in files.items()}
    return PlantedAccount(contents, jobs), known
