"""The image is built from the Dockerfile and run; see built_image.py for the limits of that.

Building takes minutes, and its outcome follows from the files of the weekly part alone.
"""

import signal
import socket

import pytest

from merlin.core.server import free_ports
from tests.image.built_image import ENGINE, Builder, find_obstacle
from tests.support.machine import (
    download_wheels,
    mount_in_memory,
    require_whole_machine,
)
from tests.support.waiting import longest, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.weekly("image")]

START_S = 120.0


@pytest.fixture(scope="session")
def builder(tmp_path_factory):
    require_whole_machine(find_obstacle())
    packages = download_wheels()
    with mount_in_memory(tmp_path_factory.mktemp("image")) as folder:
        builder = Builder(folder)
        builder.make_base()
        builder.build(packages)
        yield builder


@pytest.fixture(scope="session")
def port():
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def container(builder, port, tmp_path_factory):
    configuration = tmp_path_factory.mktemp("configuration") / "config.yaml"
    text = f"state_dir: /var/lib/merlin\napi: {{listen: '127.0.0.1:{port}'}}\n"
    configuration.write_text(text, "ascii")
    configuration.parent.chmod(0o755)
    with builder.run_container(configuration) as container:
        yield container


def test_image_has_its_user_folder_and_command(builder):
    settings = builder.read_settings()
    assert settings["User"] == "10001:10001"
    assert settings["WorkingDir"] == "/var/lib/merlin"
    assert settings["Entrypoint"] == ["merlin"]
    assert settings["Cmd"] == ["run", "--config", "/etc/merlin/config.yaml"]
    assert settings["Healthcheck"]["Test"][:3] == ["CMD", "merlin", "health"]


def test_image_runs_as_an_unprivileged_user(container):
    assert container.read_output("id", "-u") == "10001"
    assert container.run("touch", "/opt/merlin/x").returncode != 0
    assert container.read_output("touch", "/var/lib/merlin/x") == ""


def test_installed_packages_are_consistent_and_include_the_samples(container):
    assert "No broken" in container.read_output(
        "/opt/merlin/bin/python", "-m", "pip", "check"
    )
    assert container.read_output("merlin", "--version")
    assert container.read_output("git", "--version")
    script = "import merlin; print(merlin.__path__[0])"
    package = container.read_output("/opt/merlin/bin/python", "-c", script)
    assert "neurotypology" in container.read_output("ls", f"{package}/samples")
    assert "algorithms" in container.read_output("ls", f"{package}/samples-en")


def is_listening(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_health_check_distinguishes_a_running_api_from_a_stopped_one(
    container, builder, port
):
    check = builder.read_settings()["Healthcheck"]["Test"][1:]
    assert container.run(*check).returncode == 1
    process = container.start("merlin", "api", "--config", "/etc/merlin/config.yaml")
    try:
        wait_until(lambda: process.poll() is not None or is_listening(port), START_S)
        assert process.poll() is None
        wait_until(lambda: container.run(*check).returncode == 0, START_S)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(longest(START_S))
    # A process that was killed is missed after ten seconds.
    wait_until(lambda: container.run(*check).returncode == 1, START_S)


def test_engine_image_answers_and_its_health_check_sees_it(builder, tmp_path):
    settings = builder.read_settings(ENGINE)
    assert settings["User"] == "10001:10001"
    # The containers of this test share the machine's network, where the port may be taken.
    port = free_ports(1)[0]
    check = settings["Healthcheck"]["Test"][1:]
    ours = [word.replace("8702", str(port)) for word in check]
    with builder.run_container(tmp_path, ENGINE) as container:
        assert container.run(*ours).returncode == 1
        process = container.start("merlin", *settings["Cmd"], "--port", str(port))
        try:
            wait_until(
                lambda: process.poll() is not None or is_listening(port), START_S
            )
            assert process.poll() is None
            assert container.run(*ours).returncode == 0
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(longest(START_S))
