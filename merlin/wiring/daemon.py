"""The daemon, put together: repository, providers, rows, schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError
from merlin.core.log import get_logger, set_up_logging
from merlin.core.server import READY, STOPPING, WATCHDOG, notify, status_notice
from merlin.course.catalogue import Catalogue
from merlin.daemon.changing import change_processor
from merlin.daemon.main import TickCounts, event_on_signal, run
from merlin.daemon.services import DaemonServices, Pace
from merlin.daemon.ticks import ticks_of
from merlin.dataset.check import BlobCache
from merlin.dataset.commits import CommitHistory
from merlin.dataset.gather import BuildSettings
from merlin.dataset.layout import Limits
from merlin.db.database import Database, DatabaseAway
from merlin.db.intents import Intents
from merlin.db.processes import Heartbeats, Lead
from merlin.db.requests import Requests
from merlin.git.repository import GitSource
from merlin.training.job_store import Jobs, Launches
from merlin.training.launch import Launcher
from merlin.training.launch_plan import LaunchPlanner
from merlin.training.model_store import Models
from merlin.training.poll import Poller
from merlin.training.promotion_store import Promotions
from merlin.training.prove import Evaluator, ModelInventory
from merlin.wiring.database import make_cipher, opened_whole
from merlin.wiring.health import engine_look
from merlin.wiring.models import example_tokens, named_models
from merlin.wiring.providers import asker, terms, trainer

log = get_logger(__name__)
LEAD_LOOK_S = 1.0


def run_daemon(config: Config) -> None:
    """Run the daemon until it is told to stop; waits while another one leads."""
    set_up_logging("daemon")
    stop = event_on_signal()
    lead = Lead(config.state_dir, config.database)
    still_leads = partial(_still_leads, lead, stop)
    with (
        opened_whole(config.database) as database,
        services_of(config, database, still_leads) as services,
    ):
        notify(READY)
        if not _lead(lead, stop):
            return
        with lead:
            released = Requests(services.db).release()
            Promotions(services.db).retire_revoked()
            log.info("daemon leads", requests_taken_up=released)
            tally = TickCounts()
            run(ticks_of(services, tally), tally, partial(notify, status_notice("leads")), stop)
            notify(STOPPING)
            lead.check()


def _lead(lead: Lead, stop: threading.Event) -> bool:
    """Wait for the lead; False when told to stop before it came."""
    is_told = False
    while not _took(lead):
        if not is_told:
            log.warning("another daemon leads, waiting", holder=lead.holder())
            notify(status_notice("waits for the lead"))
            is_told = True
        _still_alive()
        if stop.wait(LEAD_LOOK_S):
            return False
    return True


def _took(lead: Lead) -> bool:
    try:
        return lead.take()
    except DatabaseAway:  # who waits can wait for the database too
        return False


def _still_alive() -> None:
    notify(WATCHDOG)


def _still_leads(lead: Lead, stop: threading.Event) -> None:
    """Stop when another daemon has taken the lead. Raises DatabaseAway when nobody can say."""
    _still_alive()
    if not lead.keep():
        log.error("the lead is lost", holder=lead.holder())
        stop.set()


@contextmanager
def services_of(
    config: Config,
    database: Database,
    still_alive: Callable[[], None],
    *,
    has_providers: bool = True,
) -> Iterator[DaemonServices]:
    """Yield the daemon's services. Raises ConfigError without repository or credentials.

    Without providers no credential is needed, and nothing may be launched.
    """
    repository = config.repository
    if repository is None:
        raise ConfigError("config.yaml names no repository", "config-no-repository")
    with ExitStack() as stack:
        providers = {each.name: each for each in config.providers if has_providers}
        trainers = {
            name: stack.enter_context(trainer(each, language=config.language))
            for name, each in providers.items()
        }
        askers = {name: stack.enter_context(closing(asker(p))) for name, p in providers.items()}
        jobs, builds = Jobs(database), config.state_dir / "builds"
        intents, evaluator = Intents(database), Evaluator(Models(database), askers, utc_now)
        settle_s = {name: provider.settle_s for name, provider in providers.items()}
        source = GitSource(
            repository.url,
            repository.branch,
            repository.directory,
            config.state_dir / "mirror.git",
            push_notes=repository.push,
        )
        database.cipher = make_cipher(config)
        yield DaemonServices(
            db=database,
            build_settings=_build_settings(config, database, source),
            planner=LaunchPlanner(
                Launches(database),
                {name: terms(config, providers[name], each) for name, each in trainers.items()},
                utc_now,
            ),
            launchers={
                name: Launcher(
                    each.files, each.jobs, intents, builds, providers[name].settle_s, utc_now
                )
                for name, each in trainers.items()
            },
            pollers={
                name: Poller(each.jobs, jobs, utc_now, providers[name].poll_s)
                for name, each in trainers.items()
            },
            evaluator=evaluator,
            inventory=ModelInventory(evaluator, trainers, settle_s),
            heartbeats=Heartbeats(database),
            pace=Pace(repository.interval_s, config.daemon.tick_s),
            still_alive=still_alive,
            changing=change_processor(database, source.branch, utc_now),
            retention=config.retention,
            models=trainers,
            named_models=named_models(config),
            engine=engine_look(config),
        )


def _build_settings(config: Config, database: Database, source: GitSource) -> BuildSettings:
    return BuildSettings(
        source=source,
        journal=CommitHistory(database),
        courses=Catalogue(database),
        builds=config.state_dir / "builds",
        clock=utc_now,
        cache=BlobCache(),
        limit_tokens=example_tokens(config),
        limits=Limits(memory_bytes=config.daemon.dataset_memory_mb * 1_000_000),
    )
