from __future__ import annotations

import pytest

from hanami_core.errors import SettingsError
from hanami_server.client_address import ClientAddressResolver

PROXIES = "127.0.0.1, ::1,10.0.0.0/8"


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::1", "203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "1.2.3.4, 203.0.113.9 ,10.9.9.9", "203.0.113.9"),
        ("127.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("127.0.0.1", "203.0.113.9, unknown", "127.0.0.1"),
        ("127.0.0.1", "x" * 8000, "127.0.0.1"),
        ("::ffff:10.1.2.3", "203.0.113.9, ::ffff:10.9.9.9", "203.0.113.9"),
        ("::ffff:192.0.2.1", "203.0.113.9", "::ffff:192.0.2.1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_only_known_proxies_are_believed(peer: str, header: str | None, address: str) -> None:
    environ = {"REMOTE_ADDR": peer} | ({} if header is None else {"HTTP_X_FORWARDED_FOR": header})
    assert ClientAddressResolver(PROXIES).resolve(environ) == address


def test_without_proxies_the_header_means_nothing() -> None:
    assert (
        ClientAddressResolver("").resolve({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4"})
        == "127.0.0.1"
    )


def test_a_proxy_that_is_not_named_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    resolver = ClientAddressResolver("")
    for _ in range(2):
        resolver.resolve({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4"})
    assert caplog.text.count("http.proxies names none") == 1


@pytest.mark.parametrize("proxies", ["localhost", "127.0.0.1/33", "127.0.0.1 ::1"])
def test_a_proxy_that_is_no_address_is_told(proxies: str) -> None:
    with pytest.raises(SettingsError, match=r"http\.proxies: .* does not appear to be"):
        ClientAddressResolver(proxies)
