"""Addresses of repositories: accepted and refused."""

import pytest

from merlin.core.errors import ConfigError
from merlin.core.i18n import LANGUAGES, text
from merlin.core.repository_place import parse_remote_url

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "protocol", "shown"),
    [
        (
            "https://example.com/anna/sets.git",
            "https",
            "https://example.com/anna/sets.git",
        ),
        ("https://vera:s3cret@example.com/sets", "https", "https://example.com/sets"),
        (
            "ssh://git@example.com:2222/sets.git",
            "ssh",
            "ssh://git@example.com:2222/sets.git",
        ),
        ("git@example.com:anna/sets.git", "ssh", "git@example.com:anna/sets.git"),
        ("example.com:sets.git", "ssh", "example.com:sets.git"),
        ("http://127.0.0.1:8080/sets", "http", "http://127.0.0.1:8080/sets"),
        ("/srv/sets", "file", "/srv/sets"),
        ("file:///srv/my%20sets", "file", "/srv/my sets"),
        ("/srv/при/../меры", "file", "/srv/меры"),
    ],
)
def test_urls_of_the_three_kinds_are_accepted(url, protocol, shown):
    remote = parse_remote_url(url)
    assert (remote.protocol, remote.url) == (protocol, shown)
    assert (remote.folder is not None) == (protocol == "file")


HOSTILE_URLS = [
    "",
    "-oProxyCommand=touch /tmp/x",
    "ext::sh -c touch% /tmp/x",
    "fd::17",
    "http://example.com/sets",
    "http://127.0.0.1.example.com/sets",
    "ftp://example.com/sets",
    "ssh://-oProxyCommand=touch/x",
    "ssh://-x@example.com/sets",
    "ssh://git:password@example.com/sets",
    "git@-oProxyCommand=x:sets",
    "git@example.com:-x",
    "https://",
    "https://example.com",
    "https://exa mple.com/sets",
    "https://example.com/sets\n[core]",
    "https://example.com/sets\0",
    "https://vera:a%0ab@example.com/sets",
    "https://example.com/sets?x=1",
    "https://example.com:port/sets",
    "file://example.com/sets",
    "file:///srv/a%0ab",
    "/srv/sets\n\tdirectory = *",
]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_every_other_url_is_a_configuration_error(url):
    with pytest.raises(ConfigError) as caught:
        parse_remote_url(url)
    assert "\n" not in str(caught.value)
    for language in LANGUAGES:
        assert text(language, caught.value.key, **caught.value.arguments)


def test_refused_url_does_not_show_its_password():
    with pytest.raises(ConfigError) as caught:
        parse_remote_url("https://vera:s3cret@example.com/sets?x")
    assert "s3cret" not in str(caught.value) + str(caught.value.arguments)
