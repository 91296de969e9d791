"""Composition of the daemon process: repository, providers, database, schedule."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

from merlin.chat.feedback import QuestionStatistics
from merlin.config import Config
from merlin.config.credentials import credential
from merlin.config.settings import PING_URL, ProviderConfig
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.log import get_logger
from merlin.core.network import is_loopback
from merlin.core.server import READY, STOPPING, notify, show_alive, status_notice
from merlin.course.catalogue import Catalogue
from merlin.daemon.changing import ChangeProcessor
from merlin.daemon.main import TickCounts, event_on_signal, run
from merlin.daemon.services import DaemonServices
from merlin.daemon.ticks import ticks_of
from merlin.dataset.commit_batch import GitBranch
from merlin.db.change_watch import watch_changes
from merlin.db.database import Database
from merlin.db.driver_errors import DatabaseAway
from merlin.db.processes import Heartbeats, Lead, read_change_counter
from merlin.training.commits import CommitHistory
from merlin.training.gather import GatherContext
from merlin.training.jobs import TrainingProvider
from merlin.training.launch_plan import Launches
from merlin.training.models import Models
from merlin.training.promote import Promotions
from merlin.training.prove import SHORT, ModelInventory
from merlin.wiring.context import git_source, make_cipher, open_checked_database
from merlin.wiring.process import observe_process
from merlin.wiring.providers import (
    create_forge,
    model_client,
    sunset_lookup,
    training_client,
)

log = get_logger(__name__)
LEAD_POLL_S = 1.0


def run_daemon(config: Config) -> None:
    """Run the daemon until it is stopped; wait while another daemon leads."""
    lead = Lead(config.state_dir, config.database)
    with observe_process(config, "daemon"), open_checked_database(config) as database:
        # Until here a signal ends the process at once: the database may not answer for long.
        stop = event_on_signal()
        with services_of(
            config, database, partial(_confirm_lead, lead, stop)
        ) as services:
            notify(READY)
            if _wait_for_lead(lead, stop, database):
                _lead(services, lead, stop)
                # After the lead: who waits for this process takes it next.
                with suppress(MerlinError):
                    services.heartbeats.withdraw()


def _lead(services: DaemonServices, lead: Lead, stop: threading.Event) -> None:
    with lead:
        Promotions(services.db).retire_revoked()
        log.info("daemon leads")
        tally = TickCounts()
        on_ready = partial(notify, status_notice("leads"))
        watch = partial(watch_changes, services.db)
        stop_transfer = services.gathering.source.stop_transfer
        run(ticks_of(services, tally), tally, on_ready, stop, watch, stop_transfer)
        notify(STOPPING)
        lead.check()


def _wait_for_lead(lead: Lead, stop: threading.Event, database: Database) -> bool:
    """Wait until this process leads; return False if stopped before."""
    reported = ""
    while True:
        event = "another daemon leads, waiting"
        named = {"holder": lead.holder()}
        try:
            if lead.take():
                return True
            read_change_counter(database)
        except DatabaseAway as error:
            event = "the database is away, waiting"
            named = {"reason": str(error)}
        if event != reported:
            log.warning(event, **named)
            notify(status_notice("waits for the lead"))
            reported = event
        show_alive()
        if stop.wait(LEAD_POLL_S):
            return False


def _confirm_lead(lead: Lead, stop: threading.Event) -> None:
    """Stop if another daemon has taken the lead. Raises DatabaseAway if that is unknown."""
    show_alive()
    if not lead.keep():
        log.error("the leader lock was lost", holder=lead.holder())
        stop.set()


@contextmanager
def services_of(
    config: Config,
    database: Database,
    still_alive: Callable[[], None],
    *,
    has_providers: bool = True,
) -> Iterator[DaemonServices]:
    """Yield the daemon's services. Raises ConfigError if repository or credentials are missing.

    Without providers no credential is needed, and no job can be launched.
    """
    source = git_source(config)
    with ExitStack() as stack:
        providers = {}
        sunsets = {}
        for provider in config.providers if has_providers else ():
            opened = _open_provider(stack, config, database, provider)
            sunsets[provider.name] = sunset_lookup(config, opened.api)
            providers[provider.name] = opened
        forge = create_forge(config) if has_providers else None
        if forge is not None:
            stack.callback(forge.close)
        database.cipher = make_cipher(config, database)
        yield DaemonServices(
            config=config,
            db=database,
            gathering=GatherContext(
                source=source,
                history=CommitHistory(database),
                courses=Catalogue(database),
                builds=config.state_dir / "builds",
                clock=utc_now,
                limit_tokens=config.example_tokens,
                list_rated=partial(
                    QuestionStatistics(database, config.datasets.default).list_rated,
                    language=config.language,
                ),
            ),
            launches=Launches(database, config, sunsets=sunsets),
            providers=providers,
            inventory=ModelInventory(Models(database), providers),
            heartbeats=Heartbeats(database),
            still_alive=still_alive,
            changing=ChangeProcessor(database, GitBranch(source), config, utc_now),
            forge=forge,
            ping_url=_ping_url(config),
        )


def _open_provider(
    stack: ExitStack, config: Config, database: Database, provider: ProviderConfig
) -> TrainingProvider:
    """Return a provider that trains; `stack` closes its connections."""
    return TrainingProvider(
        api=stack.enter_context(closing(training_client(provider))),
        client=stack.enter_context(closing(model_client(provider))),
        base_client=stack.enter_context(closing(model_client(provider, SHORT))),
        db=database,
        builds=config.state_dir / "builds",
        clock=utc_now,
        settle_s=provider.settle_s,
    )


def _ping_url(config: Config) -> str:
    """Return the monitor's URL, "" if none. Raises ConfigError, which does not reveal the URL."""
    url = credential(PING_URL, is_needed=False)
    parts = urlsplit(url)
    is_safe = (
        parts.scheme == "https"
        or config.allow_plain_http
        or is_loopback(parts.hostname)
    )
    is_web = parts.scheme in ("http", "https") and parts.hostname
    if url and not (is_web and is_safe and url.isprintable() and " " not in url):
        raise ConfigError(
            f"{PING_URL} is no https address", "credential-no-url", name=PING_URL
        )
    return url
