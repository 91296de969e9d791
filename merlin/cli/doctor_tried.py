"""What `merlin doctor` says of the configured services: whether Merlin was ever run with them."""

from collections.abc import Iterator

from merlin.cli.doctor_checks import CheckMessage
from merlin.config import Config, is_engine, process_names
from merlin.core.tried import read_tried

_IN_TESTS: CheckMessage = ("tried-in-tests", {})
_AS_PROVIDER = "provider-test"
_NEVER: CheckMessage = ("tried-never", {})


def list_trials(config: Config) -> Iterator[tuple[str, CheckMessage]]:
    """Yield each configured service with what is to be said of it."""
    yield "telegram", _NEVER
    yield "database", _IN_TESTS
    trials = read_tried().programs.items()
    servers = ", ".join(name for name, trial in trials if _AS_PROVIDER in trial.shown)
    for provider in config.providers:
        if not is_engine(config, provider):
            arguments = {"programs": servers, "provider": provider.name}
            yield provider.name, ("tried-provider", arguments)
    if "engine" in process_names(config):
        yield from _list_engine_trials(config)
    if config.payments.yookassa is not None:
        yield "payments.yookassa", _NEVER


def _list_engine_trials(config: Config) -> Iterator[tuple[str, CheckMessage]]:
    engine = config.engine
    yield "engine.serving", _message_of("vllm") if engine.serving == "vllm" else _IN_TESTS
    devices = {"training": engine.training.device, "answering": engine.answering.device}
    for part, device in devices.items():
        if device != "cpu":
            yield f"engine.{part}.device", ("tried-never-device", {"device": device})


def _message_of(program: str) -> CheckMessage:
    trial = read_tried().programs.get(program)
    if trial is None:
        return _NEVER
    return "tried-with", {"program": program, "version": trial.version, "date": trial.date}
