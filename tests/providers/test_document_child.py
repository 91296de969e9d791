"""The child process that reads documents: damaged input, its sandbox, its time limits."""

import asyncio
import json
import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest

from merlin.core.file_kind import FileKind
from merlin.core.i18n import text
from merlin.providers.document_child import Reason
from merlin.providers.documents import ChildReader
from tests.providers.document_reading import (
    PDF,
    TEXT,
    get_refusal_key,
    list_children,
)
from tests.support.sample_documents import (
    docx_body,
    edit_pdf,
    make_docx,
    make_pdf,
    make_workbook,
    replace_docx_parts,
)
from tests.support.waiting import longest, wait_until

ROOT = Path(__file__).parents[2]
unit = pytest.mark.unit
functional = pytest.mark.functional
_READ_DAMAGED = """
import sys, random
sys.path.append(sys.argv[1])
from tests.providers.test_document_child import damage_documents
from merlin.providers.document_child import limit_resources, load_reader, parse
from merlin.providers.document_child import UnreadableDocument
documents = list(damage_documents(120))
readers = {kind: load_reader(kind) for kind, _ in documents}
limit_resources()
counts = {}
for kind, content in documents:
    try:
        parse(readers[kind], content, 100_000)
        outcome = "read"
    except UnreadableDocument as error:
        outcome = error.reason
    counts[outcome] = counts.get(outcome, 0) + 1
print(sum(counts.values()), min(counts.get("read", 0), counts.get("damaged", 0)) > 20)
"""


def damage_documents(count):
    """Yield (kind, content) of randomly damaged documents, the same in each run."""
    generator = random.Random(20261120)  # noqa: S311 - repeatable damage, not a secret
    sources = [
        ("pdf", make_pdf(TEXT, "два")),
        ("pdf", make_pdf(TEXT, "два", compressed=True)),
        ("pdf", edit_pdf(PDF, lambda writer: writer.encrypt("", "owner"))),
        ("docx", make_docx(TEXT, table=(("a", "b"), ("c", "d")))),
        ("xlsx", make_workbook(["question", "answer"], [TEXT, "два"])),
    ]
    for index in range(count):
        kind, content = sources[index % len(sources)]
        if kind == "docx" and index % 8 > 4:
            yield (
                kind,
                replace_docx_parts(
                    content, document=damage(generator, docx_body(content))
                ),
            )
        else:
            yield kind, damage(generator, content)


def damage(generator, content):
    damaged = bytearray(content)
    for _ in range(generator.choice([1, 3, 10, 40])):
        start = generator.randrange(len(damaged))
        size = generator.choice([1, 1, 2, 8, 60])
        change = generator.choice(["flip", "drop", "double", "move"])
        part = bytes(damaged[start : start + size])
        if change == "flip":
            damaged[start : start + size] = generator.randbytes(len(part))
        elif change == "drop":
            del damaged[start : start + size]
        elif change == "double":
            damaged[start:start] = part * generator.choice([1, 2, 50])
        else:
            target = generator.randrange(len(damaged))
            damaged[target : target + size] = part
    return bytes(damaged)


@functional
def test_damaged_documents_are_read_or_refused():
    process = run_script(_READ_DAMAGED, str(ROOT))
    assert (process.returncode, process.stdout.decode().strip()) == (0, "120 True"), (
        process.stderr
    )


def run_script(script, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, **options
    )


_FORBIDDEN_ACTIONS = """
import ctypes, os, socket, subprocess, sys
sys.path.append(sys.argv[1])
from merlin.providers.document_child import limit_resources
libc = ctypes.CDLL(None)
limit_resources()
actions = {
    "socket": socket.socket,
    "socket in C": lambda: libc.socket(2, 1, 0),
    "name": lambda: socket.getaddrinfo("localhost", 1),
    "fork": os.fork,
    "fork in C": libc.fork,
    "run": lambda: subprocess.run(["/bin/true"]),
    "read": lambda: open("/etc/passwd"),
    "read in C": lambda: libc.open(b"/etc/passwd", os.O_RDONLY),
    "memfd": lambda: os.memfd_create("x"),
    "environment": lambda: open(f"/proc/{os.getppid()}/environ"),
    "module": lambda: __import__("xmlrpc.client"),
    "write": lambda: open("/tmp/x", "w"),
    "memory": lambda: bytearray(600_000_000),
}
for name, action in actions.items():
    try:
        result = action()
    except (OSError, MemoryError, ImportError, LookupError):  # modules and encodings are files
        continue
    if result == 0:
        os._exit(0)
    if result != -1:
        print(name)
"""


@functional
def test_kernel_denies_a_child_files_sockets_and_processes():
    process = run_script(_FORBIDDEN_ACTIONS, str(ROOT))
    assert (process.returncode, process.stdout) == (0, b""), process.stderr


_SCRIPT = ROOT / "tests" / "providers" / "reader_limits.py"
_CALLS = [
    *("open", "socket", "raise own limit", "unlink", "truncate", "rename", "chmod"),
    *("mkdir", "symlink", "readlink", "stat", "read memory", "limit another", "kill"),
    "fork",
]
# Limits of descriptors and processes refuse these alone. Root has no limit of processes, and with
# CAP_SYS_RESOURCE may lift the others.
_LIMITED = {"open", "socket", "fork", "raise own limit"}
_OF_ROOT = {"fork", "raise own limit"}


@functional
@pytest.mark.parametrize(
    "user_id", {os.geteuid(), 65534} if os.geteuid() == 0 else {os.geteuid()}
)
@pytest.mark.parametrize(
    ("machine", "refused"),
    [
        ([], {*_CALLS}),
        (["seccomp"], {*_CALLS}),  # the filter of a service under systemd 252
        (["seccomp", "prctl"], _LIMITED),  # no filter at all
        (["unlimited"], set()),
    ],
)
def test_taken_over_reader_reaches_no_file_and_no_process(user_id, machine, refused):
    command = [sys.executable, str(_SCRIPT), str(ROOT), str(user_id), *machine]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    allowed = {*json.loads(done.stdout)}
    expected = {*_CALLS} - refused
    if refused == _LIMITED and not user_id:
        allowed -= _OF_ROOT
    assert allowed == expected


@functional
def test_child_that_uses_too_much_cpu_time_is_killed_by_the_system():
    script = (
        "import sys; sys.path.append(sys.argv[1]);"
        "from merlin.providers.document_child import limit_resources; limit_resources(cpu_s=1)\n"
        "while True: pass"
    )
    assert run_script(script, str(ROOT)).returncode < 0


@functional
def test_slow_reader_is_stopped_without_leaving_a_child():
    before = list_children()
    assert get_refusal_key(PDF, "a.pdf", wall_s=0.001) == "media-slow"
    assert list_children() <= before


@functional
def test_crashed_reader_is_reported_as_a_damaged_document(set_interpreter):
    set_interpreter("/bin/false")
    assert get_refusal_key(PDF, "a.pdf") == "media-damaged"


@functional
def test_child_gets_no_secret_and_no_open_file_of_ours(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")

    async def inspect_child():
        child = await ChildReader()._start(FileKind.TEXT, 1)
        proc_folder = Path(f"/proc/{child.pid}")
        wait_until(lambda: b"document_child" in (proc_folder / "cmdline").read_bytes())
        environment = (proc_folder / "environ").read_bytes()
        folder = (proc_folder / "cwd").readlink()
        files = set()
        for link in (proc_folder / "fd").iterdir():
            with suppress(FileNotFoundError):  # a module file that is closed by now
                files.add(str(link.readlink()).partition(":")[0])
        os.killpg(child.pid, 9)
        await asyncio.wait_for(child.communicate(), longest())
        return environment, folder, files

    with (tmp_path / "ours").open("wb"):
        environment, folder, files = asyncio.run(inspect_child())
    assert (environment, folder) == (b"", Path("/"))
    assert not {name for name in files if str(tmp_path) in name}


@functional
def test_concurrent_documents_are_limited():
    async def run():
        reader = ChildReader(at_once=2)
        counts = set()
        readings = [asyncio.create_task(reader.read(b"a", "a.txt")) for _ in range(5)]
        while not all(reading.done() for reading in readings):
            counts.add(len(list_children() - before))
            await asyncio.wait(readings, timeout=0.002)
        return counts, [reading.result()[0] for reading in readings]

    before = list_children()
    counts, texts = asyncio.run(run())
    assert max(counts) == 2
    assert texts == ["a"] * 5


@unit
@pytest.mark.parametrize("reason", [*get_args(Reason), "slow"])
def test_each_refusal_reason_has_its_text(reason):
    assert text("ru", f"media-{reason}", kinds="PDF", characters=5)


@functional
@pytest.mark.parametrize(
    "output",
    [
        '{"fault": "unheard-of"}',
        '{"text": 1, "is_cut": false}',
        '{"text": "a"}',
        "[]",
        "[" * 5000,
        "no JSON",
        '{"text": "\\ud800", "is_cut": false}',
    ],
)
def test_answer_of_a_child_is_read_as_a_strangers(tmp_path, set_interpreter, output):
    program = tmp_path / "child"
    program.write_text(f"#!/bin/sh\ncat > /dev/null; printf '%s' '{output}'\n")
    program.chmod(0o755)
    set_interpreter(str(program))
    assert get_refusal_key(b"text", "a.txt") == "media-damaged"
