"""What may be named as a URL or as a proxy."""

from __future__ import annotations

import pytest

from monitor.probes._urls import check_proxy, check_url


@pytest.mark.parametrize(
    "url",
    ["https://x.test", "http://127.0.0.1:8080/a?b=c", "https://[::1]:443/", "HTTPS://X.test/"],
)
def test_a_url_with_a_scheme_and_a_host_will_do(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x.test",
        "//x.test",
        "file:///etc/passwd",
        "https://",
        "https://a@x.test",
        "http://x:y/",
        "https://x.test/\n",
        "https://x.test/\u00e9",
        "https://x.test/" + "a" * 2000,
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        check_url(url)


@pytest.mark.parametrize("proxy", ["http://proxy:3128", "http://us:word@proxy:3128/"])
def test_a_proxy_may_carry_a_password(proxy: str) -> None:
    assert check_proxy(proxy) == proxy


@pytest.mark.parametrize(
    "proxy", ["https://us:word@p:1", "socks5://us:word@p:1", "us:word@p:1", "", "http://[us:word"]
)
def test_a_wrong_proxy_is_refused_without_repeating_it(proxy: str) -> None:
    with pytest.raises(ValueError, match="egress proxy is written") as caught:
        check_proxy(proxy)
    assert "word" not in str(caught.value)
