"""`python -m merlin.sandbox.provider`: the stand-in as a process of its own."""

from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.server import serve_from_arguments

if __name__ == "__main__":
    serve_from_arguments(
        lambda given: ProviderStandIn(given.folder, key=given.key),
        key="the one key that counts; any without it",
    )
