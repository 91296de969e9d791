"""Requests that a surface leaves to the daemon, and what became of them."""

from merlin.db.requests import Requests


def put_request(lab, kind, **arguments):
    """Ask the daemon for something in vera's name; return the request's id."""
    with lab.services() as services:
        return Requests(services.db).ask(kind, arguments, "vera")


def read_request(lab, request_id):
    with lab.services() as services:
        return Requests(services.db).get(request_id)


def ask_daemon(lab, kind, **arguments):
    """Ask the daemon for something, and let it serve; return the request."""
    request_id = put_request(lab, kind, **arguments)
    lab.tick("serve")
    return read_request(lab, request_id)
