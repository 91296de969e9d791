"""`python -m merlin.sandbox.yookassa`: run the stand-in as its own process."""

from merlin.sandbox.server import serve_from_arguments
from merlin.sandbox.yookassa.server import KEY, SHOP_ID, YooKassaStandIn

if __name__ == "__main__":
    serve_from_arguments(
        lambda args: YooKassaStandIn(
            args.shop_id or SHOP_ID, args.key or KEY, args.notify, folder=args.folder
        ),
        shop_id="the shop's id",
        key="the shop's secret key",
        notify="where notifications are posted",
    )
