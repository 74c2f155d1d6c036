"""Who asks the local Supabase: the operator, a tenant's user, anybody."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from supabase import Client, ClientOptions, create_client
from supabase_auth import SyncMemoryStorage
from tests.supalocal.stack import LocalSupabase


@contextmanager
def client_of(stack: LocalSupabase, key: str = "", *, token: str = "") -> Iterator[Client]:
    """Return a client by a key, the publishable one if none is given, with a user's token or without one."""
    with httpx.Client(trust_env=False) as http:
        options = ClientOptions(
            httpx_client=http, storage=SyncMemoryStorage(), auto_refresh_token=False, persist_session=False
        )
        if token:
            options.headers["Authorization"] = f"Bearer {token}"
        yield create_client(stack.url, key or stack.publishable_key, options)
