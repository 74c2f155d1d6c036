"""`mkt doctor`: the access to Supabase, where the project works with it."""

from collections.abc import Iterator

from mkt.errors import StartError
from mkt.output.checks import Check
from mkt.runtime.supabase_access import find_access
from mkt.settings import ProjectSettings


def supabase_checks(settings: ProjectSettings) -> Iterator[Check]:
    """Say which project, by which key, and what will stop working; nothing is called."""
    if "supabase" not in (settings.source, settings.store):
        return
    try:
        access = find_access(settings.root)
    except StartError as error:
        yield Check(name="supabase", ok=False, found=error.message, remedy=error.remedy)
        return
    yield Check(name="supabase", found=f"{access.url} ({access.url_from}), key from {access.key_from}")
    for found, remedy in access.warnings:
        yield Check(name="supabase", ok=False, found=found, remedy=remedy)
