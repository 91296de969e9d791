"""Health: processes, queues, failures, spending, disk, alarms."""

from functools import partial

from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.page import UserAdminContext, render_page
from merlin.app.health import engine_address, read_health, read_runbook
from merlin.core.heartbeat import describe_step
from merlin.db.notices import cause_of

router = page_router()

_ALARMS = 20
# Age of the oldest entry from which a queue is highlighted.
_LATE_S = 300
_PROCESSES = ("bot", "daemon", "api", "engine")


@router.get("/admin/health")
async def show(context: UserAdminContext) -> Response:
    """Return the health page."""
    health_view = await context.read(read_health, context.actor, _ALARMS)
    now = context.services.clock()
    causes = dict.fromkeys(cause_of(alarm.key) for alarm in health_view.alarms)
    has_daemon = any(one.process == "daemon" and one.alive for one in health_view.processes)
    are_alive = all(process.alive for process in health_view.processes)
    waits = ((now - queue.oldest).total_seconds() for queue in health_view.queues if queue.oldest)
    is_calm = has_daemon and are_alive and max(waits, default=0) <= _LATE_S
    view = {
        "health": health_view,
        "processes": {
            kind: [process for process in health_view.processes if process.process == kind]
            for kind in _PROCESSES
        },
        "has_engine": engine_address(context.services.config) is not None,
        "has_daemon": has_daemon,
        "is_calm": is_calm,
        "now": now,
        "zone": now.astimezone(context.zone).tzname(),
        "late_s": _LATE_S,
        "step": partial(describe_step, context.language),
        "runbooks": [read_runbook(context.language, cause) for cause in causes if cause],
    }
    return render_page(context, "admin_health.html", view)
