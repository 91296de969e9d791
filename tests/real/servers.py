"""Real servers of the OpenAI protocol in processes of their own, on free ports."""

import json
import os
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from http import HTTPStatus
from urllib.error import URLError
from urllib.request import urlopen

from merlin.cli import main
from tests.support.ending import wait_for_end
from tests.support.waiting import wait_until

# vLLM takes 40 s to start, of an idle machine.
START_S = 240.0


def find_port():
    """Return a free port, for servers that take no listening socket."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def run_server(program, folder, arguments, health, **environment):
    """Run a program's command until it answers at the path `health`; yield its URL.

    `arguments` are those behind the port. The log is in `folder`, which is its home too.
    """
    name, *rest = arguments
    port = find_port()
    command = [program.command(name), *rest, "--host", "127.0.0.1", "--port", str(port)]
    variables = {"PATH": f"{program.bin}:{os.environ['PATH']}", "HOME": str(folder)}
    log = folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**variables, "HF_HUB_OFFLINE": "1", **environment},
            start_new_session=True,  # vLLM's workers are ended with it
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(
                lambda: _answers(f"{url}{health}") or process.poll() is not None,
                START_S,
            )
            assert process.poll() is None, log.read_text()[-2000:]
            yield url
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            wait_for_end(process)


def _answers(url):
    try:
        with urlopen(url, timeout=10.0) as answer:  # noqa: S310 - on this machine
            return answer.status == HTTPStatus.OK
    except (URLError, OSError):
        return False


def run_provider_test(capsys, monkeypatch, url, key, model=None):
    """Run `merlin provider test`; return its exit code, and the results by the checks' names."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    capsys.readouterr()
    options = ["--model", model] if model else []
    code = main(["provider", "test", f"{url}/v1", "--json", *options])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return code, {check["name"]: check["result"] for check in checks}
