"""What `merlin doctor` says of the configured services: whether Merlin was ever run with them."""

from collections.abc import Iterator

from merlin.cli.doctor_checks import CheckMessage
from merlin.config import Config, is_engine, process_names
from merlin.core.tried import PROTOCOLS, read_tried

_IN_TESTS: CheckMessage = ("tried-in-tests", {})
_AS_PROVIDER = "provider-test"


def list_trials(config: Config) -> Iterator[tuple[str, CheckMessage]]:
    """Yield each configured service with what is to be said of it."""
    programs = read_tried()["programs"]
    yield "telegram", _never("telegram")
    yield "database", _IN_TESTS
    servers = ", ".join(
        name for name, trial in programs.items() if _AS_PROVIDER in trial["shown"]
    )
    for provider in config.providers:
        if not is_engine(config, provider):
            arguments = {
                "programs": servers,
                "url": provider.base_url,
                **PROTOCOLS["openai"].as_arguments(),
            }
            yield provider.name, ("tried-provider", arguments)
    if "engine" in process_names(config):
        engine = config.engine
        vllm = "tried-with", {"program": "vllm", **programs["vllm"]}
        yield "engine.serving", vllm if engine.serving == "vllm" else _IN_TESTS
        devices = {
            "training": engine.training.device,
            "answering": engine.answering.device,
        }
        for name, device in devices.items():
            if device != "cpu":
                yield (
                    f"engine.{name}.device",
                    ("tried-never-device", {"device": device}),
                )
    if config.payments.yookassa is not None:
        yield "payments.yookassa", _never("yookassa")


def _never(protocol: str) -> CheckMessage:
    return "tried-never", PROTOCOLS[protocol].as_arguments()
