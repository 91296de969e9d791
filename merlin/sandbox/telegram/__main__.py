"""`python -m merlin.sandbox.telegram`: run the stand-in and its chat page as their own process."""

from merlin.sandbox.server import serve_from_arguments
from merlin.sandbox.telegram.server import TelegramStandIn

if __name__ == "__main__":
    serve_from_arguments(lambda args: TelegramStandIn(args.folder))
