"""`python -m merlin.sandbox.yookassa`: the stand-in as a process of its own."""

from merlin.sandbox.server import serve_from_arguments
from merlin.sandbox.yookassa.server import KEY, SHOP_ID, YooKassaStandIn

if __name__ == "__main__":
    serve_from_arguments(
        lambda given: YooKassaStandIn(
            given.shop_id or SHOP_ID, given.key or KEY, given.notify, folder=given.folder
        ),
        shop_id="the shop's id",
        key="the shop's secret key",
        notify="where notifications are posted",
    )
