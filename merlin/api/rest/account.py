"""A person's account, remaining quota and this month's consumption.

Keys, name, password, export, signing out everywhere and erasure are on the page of the account: a
stolen key must not change them.
"""

from merlin.api.auth import Reader
from merlin.api.schema import operation_router
from merlin.app import accounts
from merlin.app.accounts import OwnAccount, UsageView

usage_router = operation_router(prefix="/api/user", tags=["usage"])


@usage_router.get("/usage", summary="Get my usage and limits")
async def show_usage(caller: Reader) -> UsageView:
    """Return the remaining quota of each question format, and this month's usage."""
    return await caller.read(accounts.read_usage, caller.actor, caller.language)


me_router = operation_router(prefix="/api/user", tags=["me"])


@me_router.get("", summary="Get my account")
async def show_me(caller: Reader) -> OwnAccount:
    """Return the caller's account and permissions."""
    return await caller.read(accounts.read_own_account, caller.actor)
