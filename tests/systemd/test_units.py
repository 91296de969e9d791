"""The unit files without starting them: systemd-analyze, and the options that all units share."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from merlin.config.credentials import credentials_of
from merlin.config.reading import load
from merlin.core.connections import BoundedHttp
from merlin.providers.document_child import MEMORY_BYTES
from merlin.providers.documents import MAX_CHILDREN
from tests.support.full_config import CREDENTIALS, PROCESSES, full_config
from tests.support.machine import skip_or_fail

pytestmark = pytest.mark.unit

UNITS = Path(__file__).parents[2] / "systemd"
FILES = sorted(path.name for path in UNITS.glob("merlin*.*") if path.is_file())
SERVICES = [name for name in FILES if name.endswith(".service")]
MAX_EXPOSURE = 20  # in tenths; 100 is the maximum


@pytest.fixture
def run_analyze(tmp_path):
    """Return a function that runs systemd-analyze on copies with a program that exists."""
    skip_or_fail(
        None if shutil.which("systemd-analyze") else "systemd-analyze is not installed"
    )
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    for name in SERVICES:
        text = (tmp_path / name).read_text("utf-8")
        (tmp_path / name).write_text(
            text.replace("/opt/merlin/bin/merlin", "/bin/true"), "utf-8"
        )

    def run(*words):
        command = ["systemd-analyze", *words]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


def read_unit(name):
    parser = configparser.RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str
    parser.read(UNITS / name, "utf-8")
    return parser


@pytest.mark.parametrize("name", FILES)
def test_systemd_analyze_verify_has_no_warnings(run_analyze, name):
    process = run_analyze("verify", "--man=no", f"./{name}")
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_service_stays_below_the_exposure_limit(run_analyze, name):
    process = run_analyze(
        "security", "--offline=true", f"--threshold={MAX_EXPOSURE}", f"./{name}"
    )
    assert process.returncode == 0, process.stdout[-500:]


def test_engine_with_language_models_is_verified_too(run_analyze, tmp_path):
    drop_in_folder = tmp_path / "merlin-engine.service.d"
    drop_in_folder.mkdir()
    shutil.move(tmp_path / "torch.conf", drop_in_folder)
    process = run_analyze("verify", "--man=no", "./merlin-engine.service")
    assert (process.returncode, process.stderr) == (0, "")
    process = run_analyze(
        "security",
        "--offline=true",
        f"--threshold={MAX_EXPOSURE}",
        "./merlin-engine.service",
    )
    assert process.returncode == 0, process.stdout[-500:]
    weaker = {
        line.split()[1] for line in process.stdout.splitlines() if line.startswith("✗")
    }
    assert {"MemoryDenyWriteExecute=", "PrivateDevices="} <= weaker


@pytest.mark.parametrize("process", PROCESSES)
def test_process_has_a_watchdog_restarts_and_alerts_on_failure(process):
    parsed = read_unit(f"merlin-{process}.service")
    service = parsed["Service"]
    assert service["ExecStart"].split()[1:] == [
        process,
        "--config",
        "/etc/merlin/config.yaml",
    ]
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert service["RestartPreventExitStatus"] == "2"
    assert service["WatchdogSec"] == "30"
    assert parsed["Unit"]["OnFailure"] == "merlin-alert@%N.service"
    limit = parsed["Unit"]
    longest_s = int(service["TimeoutStartSec"]) + int(service["TimeoutStopSec"])
    assert (
        int(limit["StartLimitIntervalSec"]) > int(limit["StartLimitBurst"]) * longest_s
    )
    assert (service["User"], service["StateDirectory"]) == ("merlin", "merlin")
    assert service["MemoryMax"]


def read_memory_limits(process):
    """Return a process's memory limit as a service, a container and a pod."""
    root = UNITS.parent
    compose = yaml.safe_load((root / "deploy/compose.yaml").read_text("utf-8"))
    pods = yaml.safe_load_all(
        (root / "deploy/kubernetes/processes.yaml").read_text("utf-8")
    )
    (container,) = (
        pod["spec"]["template"]["spec"]["containers"][0]
        for pod in pods
        if (pod["kind"], pod["metadata"]["name"]) == ("Deployment", process)
    )
    return {
        "systemd": read_unit(f"merlin-{process}.service")["Service"]["MemoryMax"],
        "compose": compose["services"][process]["mem_limit"],
        "kubernetes": container["resources"]["limits"]["memory"],
    }


# Both read one workbook at a time; only the bot reads documents.
@pytest.mark.parametrize(
    ("process", "readers"), [("bot", MAX_CHILDREN + 1), ("api", 1)]
)
@pytest.mark.parametrize("place", ["systemd", "compose", "kubernetes"])
def test_process_has_memory_for_itself_and_every_reader_of_files(
    place, process, readers
):
    gigabytes, _ = read_memory_limits(process)[place].upper().split("G")
    assert int(gigabytes) * 1024**3 >= readers * MEMORY_BYTES + 512 * 1024**2


@pytest.mark.parametrize("process", ["bot", "api"])
def test_file_that_uses_up_memory_ends_its_reader_and_not_the_process(process):
    assert read_unit(f"merlin-{process}.service")["Service"]["OOMPolicy"] == "continue"


@pytest.mark.parametrize("process", PROCESSES)
def test_missing_credential_does_not_stop_the_unit(process):
    lines = (UNITS / f"merlin-{process}.service").read_text("utf-8").splitlines()
    blank = {line.split("=")[1] for line in lines if line.startswith("SetCred")}
    assert list_credentials(process)
    assert blank == {f"{name}:\\n" for name in list_credentials(process)}


def list_credentials(process):
    """Return the names of the credentials that a unit loads; check their file names."""
    lines = (UNITS / f"merlin-{process}.service").read_text("utf-8").splitlines()
    pairs = [
        line.split("=")[1].split(":") for line in lines if line.startswith("LoadCred")
    ]
    assert all(place == f"/etc/merlin/credentials/{name}" for name, place in pairs)
    return {name for name, _ in pairs}


@pytest.mark.parametrize("process", PROCESSES)
def test_unit_loads_every_credential_that_its_process_needs(tmp_path, process):
    path = tmp_path / "config.yaml"
    path.write_text(
        full_config("state", "repository", telegram="http://127.0.0.1:9"), "utf-8"
    )
    assert (
        credentials_of(load(path), process).keys()
        <= list_credentials(process)
        <= CREDENTIALS.keys()
    )


def test_enabling_the_target_enables_every_process():
    also = read_unit("merlin.target")["Install"]["Also"].split()
    assert sorted(also) == sorted(f"merlin-{process}.service" for process in PROCESSES)
    for process in PROCESSES:
        assert (
            read_unit(f"merlin-{process}.service")["Install"]["WantedBy"]
            == "merlin.target"
        )


@pytest.mark.parametrize("process", ["api", "engine"])
def test_server_may_open_more_files_than_it_keeps_connections(process):
    assert (
        int(read_unit(f"merlin-{process}.service")["Service"]["LimitNOFILE"])
        >= 2 * BoundedHttp.max_open
    )
