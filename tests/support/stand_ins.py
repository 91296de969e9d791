"""The stand-ins with what tests do and see in Python, in their threads."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from merlin.core.clock import iso, utc_now
from merlin.core.json_fields import parse_object
from merlin.sandbox.server import ApiStandIn, StandIn
from merlin.sandbox.telegram import server as telegram_server
from merlin.sandbox.telegram.arguments import (
    Arguments,
    BotApiError,
    bad_request,
    read_arguments,
    status_error,
    target_chat,
)
from merlin.sandbox.telegram.messages import given_rich_message
from merlin.sandbox.telegram.world import World
from merlin.sandbox.yookassa import server as yookassa_server
from merlin.sandbox.yookassa.server import notification
from merlin.sandbox.yookassa.shop import Json, ShopError, money
from tests.support.faults import Fault, Faults, apply_faults
from tests.support.provider_training import TrainingStandIn
from tests.support.telegram_acts import AllActions, SeenMessage
from tests.support.telegram_limits import check_call
from tests.support.telegram_webhook import Webhook
from tests.support.waiting import DEADLINE_S, Deadline, longest
from tests.support.yookassa_shop import BehavingShop

T = TypeVar("T")
RECHECK_S = 0.02
# YooKassa's status of a call whose result is not known yet.
PROCESSING = 202


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A recorded API call: time, name, JSON body or arguments, status, and Idempotence-Key."""

    at: str
    name: str
    body: Mapping[str, Any]
    status: int
    key: str


class FaultyStandIn(StandIn):
    """A stand-in whose calls are recorded, and fail as its `faults` say."""

    def __init__(self, *args: Any, seed: int = 0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._calls: list[ApiCall] = []
        self.faults = Faults(seed=seed)
        self._app = apply_faults(
            self._app, self.faults, self._name_call, self._fault_response
        )

    async def _name_call(
        self, request: Request
    ) -> tuple[str, Mapping[str, str]] | None:
        raise NotImplementedError

    def _fault_response(self, fault: Fault) -> Response:
        raise NotImplementedError

    def on_call(
        self, name: str, body: Mapping[str, Any], status: int, key: str = ""
    ) -> None:
        """Record the call."""
        self._calls.append(ApiCall(iso(utc_now()), name, body, status, key))

    def calls(self, name: str = "") -> list[ApiCall]:
        """Return the recorded calls, oldest first; all, or those of one name ("chat.create")."""
        return self.access(
            lambda: [call for call in self._calls if name in {"", call.name}]
        )


class FaultyApi(FaultyStandIn, ApiStandIn):
    """A JSON API with faults."""

    async def _name_call(
        self, request: Request
    ) -> tuple[str, Mapping[str, str]] | None:
        """Return a call's name and arguments (path, metadata, model); None for a page."""
        for route in self.api_routes:
            match, child_scope = route.matches(request.scope)
            if match is Match.FULL:
                body: Mapping[str, Any] = {}
                with suppress(ValueError):
                    body = parse_object(await request.body())
                params = {"model": body.get("model")} | child_scope["path_params"]
                params |= body.get("metadata") or {}
                return route.name, {name: str(value) for name, value in params.items()}
        return None

    def _fault_response(self, fault: Fault) -> Response:
        error = self.error(
            fault.status, f"The stand-in is set to answer {fault.status}."
        )
        headers = (
            {}
            if fault.retry_after_s is None
            else {"retry-after": str(fault.retry_after_s)}
        )
        return JSONResponse(error.as_json(), fault.status, headers)


class ProviderStandIn(FaultyApi, TrainingStandIn):
    """A provider and what it stores."""

    def behave(self, **fields: Any) -> None:
        """Change the behaviour by field names. Raises ValueError."""
        self.access(lambda: self._account.behave(fields))

    @property
    def base_url(self) -> str:
        """Return the `base_url` for the `openai` package."""
        return f"http://127.0.0.1:{self.port}/v1"

    def jobs_created(self) -> list[dict[str, Any]]:
        """Return every job ever created, oldest first: `id`, and a TrainingJob's fields."""
        jobs = self._account.jobs
        return self.access(
            lambda: [{"id": job.job_id, **asdict(job)} for job in jobs.values()]
        )

    def asked_models(self) -> list[str]:
        """Return the model of each chat request, oldest first."""
        return [call.body["model"] for call in self.calls("chat.create")]

    def files(self) -> list[dict[str, Any]]:
        """Return the stored File objects, oldest first."""
        return self.access(lambda: list(self._account.files.values()))


class TelegramStandIn(FaultyStandIn, telegram_server.TelegramStandIn):
    """Telegram; a person's actions are methods (`say`, `press`), see `AllActions`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._actions: AllActions = AllActions(self._world)
        self._changed = threading.Condition()
        self._world.listeners.append(self._wake)
        self._webhook = Webhook(self._world)
        set_webhook = {
            "setWebhook": self._webhook.set,
            "deleteWebhook": self._webhook.set,
        }
        self._methods |= {**set_webhook, "getWebhookInfo": self._webhook.info}
        self._methods["getUpdates"] = self._poll
        # Topics to which nobody may write, each with what Telegram says of it.
        self.closed_topics: dict[int, str] = {}
        for name, method in self._methods.items():
            self._methods[name] = self._check_first(name, method)

    async def _poll(
        self, _world: World, arguments: Arguments
    ) -> list[Mapping[str, Any]]:
        self._webhook.require_none()
        return await self._updates.poll(arguments)

    def _check_first(
        self, name: str, method: telegram_server.Method
    ) -> telegram_server.Method:
        async def answer(world: World, arguments: Arguments) -> Any:
            if "rich_message" in arguments.values:  # checked before the chat
                given_rich_message(arguments, is_draft=name.endswith("Draft"))
            if arguments.text("chat_id"):
                self._actions.check_chat(target_chat(world, arguments), name)
            closed = self.closed_topics.get(arguments.integer("message_thread_id"))
            if closed and name.startswith(("sendMessage", "sendRichMessage")):
                raise bad_request(closed)
            return await method(world, check_call(world, name, arguments))

        return answer

    async def open(self) -> None:
        """Start background work."""
        await super().open()
        self._webhook.open()

    async def close(self) -> None:
        """End background work."""
        await self._webhook.close()
        await super().close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method of `AllActions`, to be run in the server's thread."""
        action = getattr(AllActions, name)
        return lambda *args, **kwargs: self.act(
            lambda actions: action(actions, *args, **kwargs)
        )

    def on_call(
        self, name: str, body: Mapping[str, Any], status: int, key: str = ""
    ) -> None:
        """Record the call, and look at what a test waits for."""
        super().on_call(name, body, status, key)
        self._wake("", {})

    async def _name_call(
        self, request: Request
    ) -> tuple[str, Mapping[str, str]] | None:
        """Return a call's Bot API method and its arguments; None for a page."""
        path = request.scope["path"]
        if path.startswith("/file/bot"):
            return "downloadFile", {}
        if not path.startswith("/bot"):
            return None
        arguments = await read_arguments(request)
        values = {name: str(value) for name, value in arguments.values.items()}
        return path.rpartition("/")[2], values

    def _fault_response(self, fault: Fault) -> Response:
        error = status_error(fault.status)
        if wait_s := fault.retry_after_s:
            error = BotApiError(
                fault.status, f"{error}: retry after {wait_s}", {"retry_after": wait_s}
            )
        return JSONResponse(error.as_json(), fault.status)

    @property
    def page_url(self) -> str:
        """Return the chat page's URL."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def base_url(self) -> str:
        """Return the `base_url` for python-telegram-bot."""
        return f"{self.page_url}bot"

    def start_bot(self, who: str | int, payload: str = "") -> int:
        """Open the bot by a deep link with this payload, and press Start."""
        return self.act(lambda actions: actions.start(who, payload))

    def download(self, file_id: str) -> bytes:
        """Return the bytes of a file that was sent."""
        return self.access(lambda: self._world.content(file_id))

    def answers(self, chat: str | int) -> list[SeenMessage]:
        """Return the bot's messages in a chat, as they are now."""
        log: list[SeenMessage] = self.log(chat)
        return [message for message in log if message.by_bot]

    def pending(self) -> list[Mapping[str, Any]]:
        """Return the updates that the bot has not confirmed."""
        return self.access(lambda: list(self._world.updates.values()))

    def is_polled(self) -> bool:
        """Return whether a bot waits in getUpdates now."""
        return self._updates._poller is not None

    def wait_for(self, predicate: Callable[[], T], timeout_s: float = DEADLINE_S) -> T:
        """Return the first true value of `predicate`, called after every change.

        `timeout_s` is for an idle machine. Raises TimeoutError, which lists the bot's last calls.
        """
        deadline = Deadline(timeout_s)
        while not (value := predicate()):
            if deadline.is_over():
                last = [(call.name, call.status) for call in self.calls()[-8:]]
                raise TimeoutError(
                    f"not within {deadline.allowed_s:.1f} s; last calls: {last}"
                )
            with self._changed:
                # Conditions outside the stand-in change without notice, so check again soon.
                self._changed.wait(RECHECK_S)
        return value

    def _wake(self, _kind: str, _change: Mapping[str, Any]) -> None:
        with self._changed:
            self._changed.notify_all()


class YooKassaStandIn(FaultyApi, yookassa_server.YooKassaStandIn):
    """YooKassa; `reference` arguments accept a payment's id or the id of its purchase."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._shop: BehavingShop = BehavingShop(
            path=self._shop.path, on_change=self._post_event
        )

    def make_page(self, query: Mapping[str, str], items: list[Json]) -> Json:
        """Return one page of a list, with the cursor of the next one."""
        limit = int(query.get("limit", 10))
        ids = [item["id"] for item in items]
        start = ids.index(query["cursor"]) if query.get("cursor") in ids else 0
        following = (
            {"next_cursor": ids[start + limit]} if start + limit < len(ids) else {}
        )
        return super().make_page(query, items[start : start + limit]) | following

    @property
    def base_url(self) -> str:
        """Return the value for `payments.yookassa.base_url`."""
        return f"http://127.0.0.1:{self.port}/v3"

    def _fault_response(self, fault: Fault) -> Response:
        if fault.status != PROCESSING:
            return super()._fault_response(fault)
        body = {
            "type": "processing",
            "description": "still processing",
            "retry_after": 1800,
        }
        return JSONResponse(body, PROCESSING)

    def behave(self, **fields: Any) -> None:
        """Change the behaviour by field names. Raises ValueError."""
        self._shop.behaviour = replace(self._shop.behaviour, **fields)

    def notify_to(self, url: str) -> None:
        """Set the address of notifications; "" turns them off."""
        self._notify_url = url

    def change(self, payment_id: str, status: str, amount: Json | None = None) -> None:
        """Change a payment as no step of its payer does."""

        def change() -> None:
            payment = self._shop.find(payment_id)
            payment.status = status
            payment.request |= {"amount": amount} if amount else {}

        self.access(change)

    def choose(self, reference: str, outcome: str, reason: str = "") -> Json:
        """End a payment as its payer would; return it. Raises NotFound, ValueError."""
        return self.access(
            lambda: self._shop.choose(self._shop.find(reference), outcome, reason)
        )

    def refund(self, reference: str, value: str | None = None) -> Json:
        """Refund as the shop's owner: `value` is like "100.00", None for all that is left."""

        def act() -> Json:
            payment = self._shop.find(reference)
            amount = money(payment.kopecks - payment.returned)
            amount = amount if value is None else {**amount, "value": value}
            body = {"payment_id": payment.payment_id, "amount": amount}
            try:
                return self._shop.refund(body).as_json()
            except ShopError as error:
                raise ValueError(str(error)) from error

        return self.access(act)

    def finish_refund(self, refund_id: str, outcome: str) -> Json:
        """Finish a pending refund: "succeeded" or a cancellation reason."""
        return self.access(lambda: self._shop.finish_refund(refund_id, outcome))

    def payments(self) -> list[Json]:
        """Return all payments, oldest first."""
        return self.access(
            lambda: [
                payment.as_json() for payment in self._shop.state.payments.values()
            ]
        )

    def payment(self, reference: str) -> Json:
        """Return one payment. Raises NotFound."""
        return self.access(lambda: self._shop.find(reference).as_json())

    def refunds(self) -> list[Json]:
        """Return all refunds, oldest first."""
        return self.access(
            lambda: [refund.as_json() for refund in self._shop.state.refunds.values()]
        )

    def receipts(self) -> list[Json]:
        """Return all registered receipts, oldest first."""
        return self.access(lambda: list(self._shop.receipts))

    def notify(self, reference: str, event: str = "", times: int = 1) -> list[int]:
        """Post a payment's notification `times` times; return the response statuses.

        Without an `event` it is that of the payment's status.
        """
        payment = self.payment(reference)
        body = notification(event or f"payment.{payment['status']}", payment)
        return [self.forge(body) for _ in range(times)]

    def forge(
        self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> int:
        """Post any body to the notification address; return the response status, 0 without one."""
        with suppress(httpx2.HTTPError):
            return httpx2.post(
                self._notify_url, json=body, headers=headers, timeout=longest()
            ).status_code
        return 0
