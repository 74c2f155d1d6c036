"""Write `catalog.json`: what `mkt_check()` says of a database that the migrations have just made."""

import json
from pathlib import Path

from tests.supalocal.stack import local_supabase

import mkt.store.supabase

with local_supabase() as stack:
    ((catalog,),) = stack.sql("select public.mkt_check()")
path = Path(mkt.store.supabase.__path__[0], "catalog.json")
path.write_text(json.dumps(catalog, indent=1, sort_keys=True) + "\n", encoding="utf-8")
print(f"wrote {path}")  # noqa: T201 - a script
