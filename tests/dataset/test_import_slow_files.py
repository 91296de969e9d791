"""No file makes a reader of imports take the square of its length, in time or memory."""

import subprocess
import sys

import pytest

from merlin.dataset.import_fields import NO_CHOICES
from merlin.dataset.import_reading import pack_request
from tests.support.slow_files import FILES, list_readers
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

# Whoever took the square of this would need minutes, or gigabytes. Some squares are of memory that
# is copied, which is fast: for these it is longer.
SIZE = 100_000
SIZES = {
    "dialogflow": 3_000_000,
    "telegram": 2_000_000,
    "rasa": 300_000,
    "gift": 300_000,
}
CPU_S = 20
# Within the limits of the child itself, of which that of the processor's time is shorter.
READ = """
import sys
from merlin.dataset.import_reading import load_lines_reader
from merlin.providers.document_child import limit_resources, parse
read = load_lines_reader()
limit_resources(int(sys.argv[1]))
for size in sys.argv[2:]:
    text, _ = parse(read, sys.stdin.buffer.read(int(size)), 100_000_000)
    sys.stdout.write(text[:1])
"""


def test_each_reader_has_files_that_were_built_to_be_slow():
    assert FILES.keys() == list_readers()


@pytest.mark.parametrize("reader", FILES)
def test_slow_files_are_read_in_time_and_memory(reader):
    files = [make(SIZES.get(reader, SIZE)) for make in FILES[reader]]
    requests = [pack_request([file], NO_CHOICES) for file in files]
    sizes = [str(len(each)) for each in requests]
    done = subprocess.run(
        [sys.executable, "-c", READ, str(CPU_S), *sizes],
        input=b"".join(requests),
        capture_output=True,
        timeout=longest(),
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"[" * len(files)), done.stderr[-500:]
