"""`python -m merlin.sandbox.telegram`: the stand-in and its chat page as a process of its own."""

from merlin.sandbox.server import serve_from_arguments
from merlin.sandbox.telegram.server import TelegramStandIn

if __name__ == "__main__":
    serve_from_arguments(lambda given: TelegramStandIn(given.folder))
