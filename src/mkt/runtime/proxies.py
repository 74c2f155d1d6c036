"""The machine's proxy settings (`HTTPS_PROXY`, `NO_PROXY`, on macOS the system's), for https alone."""

from urllib.request import getproxies, proxy_bypass

import httpx

from mkt.errors import ConfigError
from mkt.runtime.addresses import is_loopback, name_of
from mkt.runtime.masking import MaskRegister


def proxy_for(url: httpx.URL, masker: MaskRegister) -> httpx.Proxy | None:
    """Return the proxy on the way to this URL. Raise `ConfigError` for one that is not http:// or https://."""
    host = name_of(url)
    if url.scheme != "https" or is_loopback(host):
        return None
    proxies = getproxies()
    text = proxies.get("https") or proxies.get("all")
    if not text or proxy_bypass(host):
        return None
    try:
        proxy = httpx.Proxy(text if "://" in text else f"http://{text}")
    except (httpx.InvalidURL, ValueError):
        raise _wrong() from None
    if proxy.url.scheme not in {"http", "https"}:
        raise _wrong()
    if proxy.raw_auth:
        masker.add(proxy.raw_auth[1].decode())
    return proxy


def _wrong() -> ConfigError:
    return ConfigError(
        "the proxy of this machine is not an http:// or https:// URL",
        remedy="Correct HTTPS_PROXY or ALL_PROXY, or name the host in NO_PROXY.",
        code="config.proxy",
    )
