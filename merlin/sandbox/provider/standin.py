"""The door for tests: a stand-in of a model provider in a thread, on a port of its own."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from merlin.sandbox.faults import Faults
from merlin.sandbox.provider.app import MOST_CALLS, ProviderApp, ProviderCall
from merlin.sandbox.provider.behaviour import Behaviour
from merlin.sandbox.provider.control import jobs_created
from merlin.sandbox.provider.training import Account
from merlin.sandbox.standin import StandIn


class ProviderStandIn(StandIn):
    """A provider, as far as a client can tell; `with ProviderStandIn() as provider:`.

    `stop` and `start` again is the provider down and back: same port, same files and jobs. A new
    stand-in over the same `folder` is the provider's own restart.
    """

    def __init__(
        self,
        folder: Path | None = None,
        behaviour: Behaviour | None = None,
        *,
        key: str = "",
        port: int = 0,
        seed: int = 0,
    ) -> None:
        self.faults = Faults(seed=seed)
        self._account = Account(folder, behaviour or Behaviour())
        self._calls: deque[ProviderCall] = deque(maxlen=MOST_CALLS)
        super().__init__(lambda: ProviderApp(self._account, key, self.faults, self._calls), port)

    @property
    def base_url(self) -> str:
        """Return what the `openai` package takes as `base_url`."""
        return f"http://127.0.0.1:{self._server.port}/v1"

    def behave(self, **wishes: object) -> None:
        """Change the behaviour from now on, by its field names. Raises ValueError."""
        self._read(lambda: self._account.behave(wishes))

    def jobs_created(self) -> list[dict[str, Any]]:
        """Return every job that was ever made, oldest first: id, created_at, asked, status."""
        return self._read(lambda: jobs_created(self._account))

    def files(self) -> list[dict[str, Any]]:
        """Return the File objects that are kept, oldest first."""
        return self._read(lambda: list(self._account.files.values()))

    def calls(self, name: str = "") -> list[ProviderCall]:
        """Return the calls, oldest first; all, or those of one name ("chat.create")."""
        return self._read(lambda: [call for call in self._calls if name in {"", call.name}])
