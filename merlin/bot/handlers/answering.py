"""Helpers for answering: the model of a session, and the quota left."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from merlin.app.ask import request_of_session, window_of
from merlin.billing.quota import UNLIMITED, Format, Left, Plan, QuestionPack, plan_of
from merlin.bot.context import BotContext
from merlin.bot.rendering import pack_text
from merlin.chat.model_catalogue import (
    Candidate,
    CandidateKind,
    find_first_candidate,
    switch_model,
)
from merlin.chat.sessions import Session
from merlin.core.network import is_loopback


def plan_for(context: BotContext) -> Plan:
    """Return the user's plan."""
    return plan_of(context.services.plans, context.user.plans)


_MAX_PACKS = 8


def render_left_lines(context: BotContext, plan: Plan) -> list[str]:
    """Return a line for each format of a plan with the quota left; empty for the unlimited plan.

    The time at which all of them reset is a line of its own.
    """
    if plan is UNLIMITED:
        return []
    services = context.services
    default, now = services.config.timezone, services.clock()
    zone = context.user.counting_zone(default, now)
    of_format = context.quotas.read_left(context.user_id, plan, zone)
    found = [of_format[kind] for kind in Format if kind in of_format]
    resets = [left.resets_at for left in found if left.limit]
    if len(set(resets)) != 1 or len(resets) == 1:
        return [_render_left_line(context, left) for left in found]
    lines = [_render_left_line(context, left, has_reset=False) for left in found]
    return [*lines, context.translate("plan-resets", at=context.moment(resets[0]))]


def _render_left_line(
    context: BotContext, left: Left, *, has_reset: bool = True
) -> str:
    kind = context.translate(f"plan-{left.kind.value}")
    if left.limit is None:
        return context.translate("plan-kind-unlimited", kind=kind)
    packs = context.translate("plan-packs", packs=left.packs) if left.packs else ""
    arguments = {"left": max(left.limit - left.used, 0), "limit": left.limit}
    if left.limit == 0:
        line = context.translate("plan-closed", kind=kind)
    elif has_reset:
        at = context.moment(left.resets_at)
        line = context.translate("plan-left", kind=kind, **arguments, at=at)
    else:
        line = context.translate("plan-left-only", kind=kind, **arguments)
    return f"{line}{packs}"


def pack_lines(context: BotContext, packs: Sequence[QuestionPack]) -> list[str]:
    """Return a line for each pack with what is left of it, ordered by expiry."""
    ends = sorted({pack.expires_at for pack in packs if pack.expires_at is not None})
    listed = [pack for end in (*ends, None) for pack in packs if pack.expires_at == end]
    lines = []
    now = context.services.clock()
    for pack in listed[:_MAX_PACKS]:
        remaining = pack_text({pack.format: pack.remaining(now)}, context.language)
        until = pack.expires_at
        arguments = {"at": context.moment(until)} if until is not None else {}
        key = "pay-pack-left-until" if arguments else "pay-pack-left"
        lines.append(context.translate(key, what=remaining, **arguments))
    return lines


def answering_model(context: BotContext, session: Session) -> Candidate | None:
    """Return the model that answers a session, None for none; within the store's work."""
    request = request_of_session(context.services, session, plan_for(context))
    general = (Candidate(CandidateKind.GENERAL, *pair) for pair in request.general)
    choice = find_first_candidate(context.catalogue, request) or next(general, None)
    # A tuned model with a system text of the session's own has no version yet.
    tuned = (
        context.catalogue.model(choice.model_id) if choice and choice.model_id else None
    )
    return replace(choice, version=tuned.build_version) if choice and tuned else choice


def render_other_provider_note(context: BotContext, session: Session) -> str:
    """Return a note if the session's settings select another provider than the default, else ""."""
    default = replace(session, provider=None, model_id=None, preset="", system="")
    default_model = answering_model(context, default)
    model = answering_model(context, session)
    if model is None or (
        default_model is not None and default_model.provider == model.provider
    ):
        return ""
    return context.translate(
        "models-company", provider=provider_title(context, model.provider)
    )


def without_other_provider(context: BotContext, session: Session) -> Session:
    """Return a new session without the settings that would select another provider."""
    if render_other_provider_note(context, session):
        session = replace(session, provider=None, model_id=None)
    if render_other_provider_note(context, session):
        return replace(session, preset="", system="")
    return session


def provider_title(context: BotContext, provider: str) -> str:
    """Return a provider's name with its host."""
    urls = {
        provider_config.name: provider_config.base_url
        for provider_config in context.services.config.providers
    }
    host = urlsplit(urls.get(provider, "")).hostname or ""
    host = "" if is_loopback(host) else host
    return context.translate("models-provider", provider=provider, host=host or "here")


def fit_window(context: BotContext, session: Session) -> Session:
    """Return a session with the context window of its new model; within the store's work."""
    plan = plan_for(context)
    candidate = find_first_candidate(
        context.catalogue, request_of_session(context.services, session, plan)
    )
    return switch_model(session, window_of(context.services, candidate))
