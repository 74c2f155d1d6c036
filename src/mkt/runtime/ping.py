"""One GET of an address that somebody else's watch waits for. The address is a secret: who knows it can feign it."""

import httpx

from mkt import __version__
from mkt.errors import ConfigError
from mkt.runtime.faults import in_short
from mkt.runtime.masking import PROCESS
from mkt.runtime.proxies import proxy_for
from mkt.runtime.transport import tls_context
from mkt.runtime.webhooks import mask_path


def ping(address: str, seconds: float) -> str:
    """Return what went wrong, empty where it was answered with 2xx. `seconds` bounds each wait, not their sum."""
    url = httpx.URL(address)
    PROCESS.add(address)
    mask_path(url)
    try:
        return _get(url, seconds)
    except httpx.HTTPError as error:
        return in_short(error, seconds)
    except ConfigError as error:  # the proxy of this machine
        return error.message


def _get(url: httpx.URL, seconds: float) -> str:
    verify = tls_context() if url.scheme == "https" else True
    headers = {"user-agent": f"mkt/{__version__}"}
    with (
        httpx.Client(verify=verify, proxy=proxy_for(url, PROCESS), trust_env=False, timeout=seconds) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        # What is said there is not read: it could be long, slow or anything.
        return "" if response.is_success else f"it answered {response.status_code}"
