"""The wire: HTTP, authentication, retries, masking, files."""

import sys

# httpx imports its own command line, and rich and pickle with it, wherever those can be found; None says they cannot.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
