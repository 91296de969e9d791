"""The distribution's systemd, booted in private namespaces, with nothing written to this machine.

systemd is process 1 of its own namespaces (the network has only loopback) over a temporary overlay
of the running root. `find_obstacle` returns what a machine lacks for it.

    with SystemdBox(units={"a.service": "..."}) as box:
        box.systemctl("start", "a")
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from merlin.supervisor import die_with_parent
from tests.support.waiting import longest, wait_until

BOOT_S = 90.0
STOP_S = 90.0
BOOT_SCRIPT = Path(__file__).with_name("boot.sh")
SYSTEMD = Path("/lib/systemd/systemd")
NAMESPACES = (
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--uts",
    "--ipc",
    "--cgroup",
    "--net",
)
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/root"}
# The distribution's units that may start; all others are masked.
ALLOWED_UNITS = frozenset(
    f"{name}.target"
    for name in (
        *(
            "sysinit",
            "basic",
            "multi-user",
            "graphical",
            "default",
            "rescue",
            "emergency",
        ),
        *(
            "timers",
            "sockets",
            "paths",
            "slices",
            "local-fs",
            "local-fs-pre",
            "remote-fs",
        ),
        *("network", "network-online", "nss-user-lookup", "time-sync"),
        *("shutdown", "umount", "final", "poweroff", "reboot", "halt", "exit"),
    )
) | {
    *("init.scope", "-.slice", "system.slice", "user.slice", "-.mount"),
    *("systemd-poweroff.service", "systemd-exit.service"),
    *(
        "systemd-journald.service",
        "systemd-journald.socket",
        "systemd-journald-dev-log.socket",
    ),
    "systemd-journal-flush.service",
}
UNIT_KINDS = frozenset(
    {
        ".service",
        ".socket",
        ".target",
        ".mount",
        ".automount",
        ".timer",
        ".path",
        ".swap",
    }
)
BOX_TARGET = """[Unit]
DefaultDependencies=no
Requires=systemd-journald.service systemd-journald.socket
After=systemd-journald.service
Wants=multi-user.target
AllowIsolate=yes
"""


def find_obstacle() -> str | None:
    """Return what this machine lacks to boot systemd, None when it lacks nothing."""
    if os.geteuid() != 0:
        return "booting systemd needs root"
    if not SYSTEMD.exists():
        return "booting systemd needs systemd"
    if "overlay" not in Path("/proc/filesystems").read_text("ascii"):
        return "booting systemd needs overlayfs"
    if _find_cgroup_tree() is None:
        return "booting systemd needs a cgroup v2 tree"
    missing = [
        tool
        for tool in ("unshare", "nsenter", "pivot_root", "ip")
        if not shutil.which(tool)
    ]
    return f"booting systemd needs {', '.join(missing)}" if missing else None


def _find_cgroup_tree() -> Path | None:
    hybrid = Path("/sys/fs/cgroup/unified")
    pure = Path("/sys/fs/cgroup")
    for tree in (hybrid, pure):
        if (tree / "cgroup.procs").exists() and (
            tree / "cgroup.subtree_control"
        ).exists():
            return tree
    return None


class SystemdBox:
    """One boot. `upper` keeps changed files: a second boot over it is a reboot.

    `visible` are folders of this machine, mounted read-only at the same path; other file systems of
    the machine are not visible. `units` are written to /etc/systemd/system.
    """

    def __init__(
        self,
        units: Mapping[str, str] | None = None,
        *,
        upper: Path | None = None,
        visible: Sequence[Path] = (),
        lower: Path = Path("/"),
    ) -> None:
        self._units = {**(units or {}), "box.target": BOX_TARGET}
        self._upper = upper
        self._visible = visible
        self._lower = lower
        self._control: Path | None = None
        self._cgroup: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def __enter__(self) -> SystemdBox:
        try:
            self._prepare()
            self._start()
            self._wait_for_boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _prepare(self) -> None:
        self._control = control = Path(tempfile.mkdtemp(prefix="box-"))
        for folder in ("units", "mount"):
            (control / folder).mkdir()
        for name, text in self._units.items():
            (control / "units" / name).write_text(text, encoding="utf-8")
        masked = sorted(
            _list_shipped_units(self._lower) - set(self._units) - ALLOWED_UNITS
        )
        (control / "mask").write_text("".join(f"{name}\n" for name in masked), "utf-8")
        tree = _find_cgroup_tree()
        assert tree is not None, "call find_obstacle first"
        cgroup = tree / f"box-{os.getpid()}-{control.name}"
        cgroup.mkdir()
        self._cgroup = cgroup

    def _start(self) -> None:
        assert self._control is not None
        assert self._cgroup is not None
        is_first = (
            self._upper is None or not (self._upper / "upper/etc/machine-id").exists()
        )
        environment = {
            "BOX": str(self._control / "mount"),
            "UP": str(self._upper or ""),
            "FIRST": "yes" if is_first else "no",
            "LOWER": str(self._lower),
            "CONTROL": str(self._control),
            "SEEN": " ".join(str(folder) for folder in self._visible),
        }
        processes = self._cgroup / "cgroup.procs"
        with (self._control / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                [
                    "unshare",
                    *NAMESPACES,
                    "--fork",
                    "--kill-child",
                    "bash",
                    str(BOOT_SCRIPT),
                ],
                env={**ENVIRONMENT, **environment},
                stdin=subprocess.DEVNULL,
                stderr=errors,
                preexec_fn=lambda: _prepare_child(processes),  # noqa: PLW1509 - a write and system calls
            )

    def _wait_for_boot(self) -> None:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")

        def has_booted() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self._describe_failure()
            self._pid = int((children.read_text("ascii").split() or ["0"])[0])
            return self._is_systemd() and self._is_up()

        wait_until(has_booted, BOOT_S, self._describe_failure)

    def _describe_failure(self) -> str:
        assert self._control is not None
        errors = (self._control / "errors").read_text("utf-8", "replace")
        return f"systemd did not boot: {errors[-800:]}"

    def _is_systemd(self) -> bool:
        try:
            return (
                Path(f"/proc/{self._pid}/comm").read_text("utf-8").strip() == "systemd"
            )
        except OSError:
            return False

    def _is_up(self) -> bool:
        state = self.run(
            "systemctl", "is-system-running", is_checked=False
        ).stdout.strip()
        return state in ("starting", "running", "degraded")

    def run(
        self,
        *command: str,
        is_checked: bool = True,
        environment: Mapping[str, str] | None = None,
        typed: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside as root. Raises AssertionError with its output when it fails."""
        process = subprocess.run(
            [
                "nsenter",
                "-t",
                str(self._pid),
                "-m",
                "-p",
                "-u",
                "-i",
                "-n",
                "-C",
                *command,
            ],
            env={**ENVIRONMENT, **(environment or {})},
            input=typed,
            text=True,
            capture_output=True,
            check=False,
        )
        if is_checked:
            assert process.returncode == 0, (
                f"{command}: {process.stdout[-3000:]}{process.stderr[-3000:]}"
            )
        return process

    def systemctl(self, *arguments: str) -> str:
        """Run systemctl inside; return its output."""
        return self.run("systemctl", "--no-pager", *arguments).stdout

    def prop(self, unit: str, name: str) -> str:
        """Return one property of a unit, from `systemctl show`."""
        return self.systemctl("show", "-P", name, unit).strip()

    def journal(self, unit: str) -> str:
        """Return the journal of the unit, and of systemd about it."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout

    def path(self, path: str) -> Path:
        """Return the path on this machine of a file inside."""
        return Path(f"/proc/{self._pid}/root") / path.lstrip("/")

    def wait(
        self, condition: Callable[[], bool], what: str, timeout_s: float = 60.0
    ) -> None:
        """Wait until `condition` holds. Raises AssertionError naming `what`."""
        wait_until(condition, timeout_s, lambda: f"not within {timeout_s} s: {what}")

    def _end(self) -> None:
        if self._process is not None:
            self._power_off(self._process)
        if self._cgroup is not None:
            for folder in sorted(
                self._cgroup.rglob("*"), key=lambda path: -len(path.parts)
            ):
                if folder.is_dir():
                    folder.rmdir()
            self._cgroup.rmdir()
        if self._control is not None:
            shutil.rmtree(self._control, ignore_errors=True)

    def _power_off(self, process: subprocess.Popen[bytes]) -> None:
        """Let systemd stop everything in order; kill process 1 if it does not end."""
        if self._pid and process.poll() is None:
            os.kill(self._pid, signal.SIGRTMIN + 4)  # systemd(1): start poweroff.target
        try:
            process.wait(longest(STOP_S))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(longest(STOP_S))


def _prepare_child(processes: Path) -> None:
    """Move this process and its children to a cgroup, with real-time priority where allowed.

    Other tests run at the same time, and the measured times are those of an idle machine. The
    machine ends with the tests, also when these are killed.
    """
    die_with_parent()
    processes.write_text(str(os.getpid()), "ascii")
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def _list_shipped_units(lower: Path) -> set[str]:
    folders = [lower / "lib/systemd/system", lower / "etc/systemd/system"]
    paths = (path for folder in folders for path in folder.glob("*.*"))
    return {
        path.name
        for path in paths
        if path.suffix in UNIT_KINDS and "@" not in path.name
    }
