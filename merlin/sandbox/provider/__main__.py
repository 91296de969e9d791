"""`python -m merlin.sandbox.provider`: run the stand-in as its own process."""

from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.server import serve_from_arguments

if __name__ == "__main__":
    serve_from_arguments(
        lambda args: ProviderStandIn(key=args.key),
        key="the one key that counts; any without it",
    )
