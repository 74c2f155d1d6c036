"""Which pace an integration keeps: the manifest's, or what the operator agreed on with the partner."""

from mkt.contract import Manifest, RateLimit
from mkt.settings import ProjectSettings


def rate_limit_of(manifest: Manifest, settings: ProjectSettings) -> RateLimit | None:
    """Return the numbers of `[defaults.<connector>] rate_limit`, else the manifest's, which says who shares them."""
    agreed, declared = settings.defaults.of(manifest.id).rate_limit, manifest.rate_limit
    if agreed is None:
        return declared
    return RateLimit(requests=agreed.requests, seconds=agreed.seconds, per=declared.per if declared else "host")
