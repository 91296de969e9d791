"""Report what each commit led to as commit statuses of the forge.

The statuses to send follow from the verdicts and from those already sent, so a crash or an
unavailable forge loses none. A status sent right before a crash is sent again, which changes
nothing at the forge.
"""

import json

from merlin.core.clock import Backoff
from merlin.core.errors import Refused
from merlin.core.i18n import render_stored_text, text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.daemon.services import DaemonServices
from merlin.dataset.builds import build_version
from merlin.dataset.verdicts import VerdictHistory, VerdictStatus
from merlin.db.database import Row
from merlin.db.notices import Notices
from merlin.providers.forge import CommitStatus, Forge, ForgeDenied, ForgeUnavailable
from merlin.training.commit_state import compute_state

log = get_logger(__name__)
FIRST_PAUSE_S = 60.0
MAX_PAUSE_S = 3600.0


class StatusSender:
    """Sends pending statuses to the forge; retries after a pause that doubles."""

    def __init__(self, services: DaemonServices, forge: Forge) -> None:
        self._services = services
        self._forge = forge
        self._backoff = Backoff(FIRST_PAUSE_S, MAX_PAUSE_S)

    def __call__(self) -> bool:
        """Return whether a status was sent. Raises ForgeUnavailable, ForgeDenied."""
        if self._backoff.left_s:
            return False
        verdicts = VerdictHistory(self._services.db, self._services.clock)
        sent = 0
        for owed in verdicts.list_unsent_statuses():
            status = self._status(owed)
            message = f"{status.state} {status.description}"
            if message != owed.sent_status:
                try:
                    self._forge.set_status(owed.commit_sha, status)
                except Refused as refusal:
                    log.warning(
                        "status refused", commit=owed.commit_sha, reason=str(refusal)
                    )
                    message = ""
                except (ForgeUnavailable, ForgeDenied) as failure:
                    self._wait(failure, is_first=sent > 0)
                    raise
                kill_point("status.sent")
                sent += 1
            verdicts.record_sent_status(owed, message)
        self._backoff.reset()
        return sent > 0

    def _wait(self, failure: ForgeUnavailable | ForgeDenied, *, is_first: bool) -> None:
        if is_first:
            self._backoff.reset()
        self._backoff.begin(
            failure.pause_s if isinstance(failure, ForgeUnavailable) else 0.0
        )
        if isinstance(failure, ForgeDenied):
            arguments = {
                "project": self._forge.project,
                "reason": failure.arguments["reason"],
            }
            Notices(self._services.db, self._services.clock).notify_daily(
                "notice-forge", arguments
            )
            self._services.db.announce_change()

    def _status(self, owed: Row) -> CommitStatus:
        config = self._services.config
        dataset = owed.dataset
        reason = owed.reason
        version = build_version(dataset, owed.number) or dataset
        # Not what came after: a forge shows each commit as it was found.
        state = compute_state(VerdictStatus(owed.status), reason)
        description = text(config.language, f"status-{state}", build=version)
        if reason:
            reason_text = render_stored_text(
                config.language, reason, json.loads(owed.arguments)
            )
            description = f"{description}: {reason_text}"
        page = f"/admin/board?commit={owed.commit_sha}"
        public = config.api.public_url
        return CommitStatus(
            context=f"merlin/{dataset}",
            state=state.forge,
            description=description,
            target_url=f"{public.rstrip('/')}{page}" if public else "",
        )
