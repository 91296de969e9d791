"""A stand-in for YooKassa's API v3: payments, refunds, receipts, saved methods, notifications.

It judges what is asked as the vendor does, keeps Idempotence-Keys, and lets a person, a test or a
rule choose how each payment ends. Nobody's money moves, and its page says so.
"""

from merlin.sandbox.yookassa.server import ShopSettings, create_app
from merlin.sandbox.yookassa.shop import Behaviour
from merlin.sandbox.yookassa.standin import YooKassaStandIn

__all__ = ["Behaviour", "ShopSettings", "YooKassaStandIn", "create_app"]
