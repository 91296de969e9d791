"""Ten thousand cases that schemathesis generates from the API's description, and for the pages.

`python -m bench contract` sends the boundary cases of every value to a real API, then random cases
that are in turn valid, invalid, and valid with the address of an existing object. They come from
programs, from signed-in browsers, and from anonymous clients.
"""

import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

CASES = 10_000
AT_ONCE = 12


def run() -> None:
    """Print the number of cases, the statuses, and each kind of failure once."""
    from tests.api.contract_cases import ContractCheck, PagesCheck
    from tests.api.staff_api import run_full_api

    is_wrong = False
    for kind in (ContractCheck, PagesCheck):
        started_at = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, run_full_api(Path(folder)) as site:
            contract = kind(site)
            for operation in contract.operations:
                contract.send_edge_cases(operation)
            for number in count(1):
                if contract.results.count >= CASES:
                    break
                for operation in contract.operations:
                    contract.send_drawn_cases(operation, AT_ONCE, number)
            _print(kind.__name__, contract.results, time.monotonic() - started_at)
        is_wrong = is_wrong or bool(contract.results.wrong)
    sys.exit(int(is_wrong))


def _print(name: str, judged: Any, seconds: float) -> None:
    statuses = ", ".join(f"{count} × {status}" for status, count in sorted(judged.statuses.items()))
    print(f"{name}: {judged.count} cases in {seconds:.0f} s, {len(judged.wrong)} failures")
    print(statuses)
    for (label, title), words in judged.wrong.items():
        print(f"\n{label}: {title}\n{words}")
