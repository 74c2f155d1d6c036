"""The operator's settings: flags, then `MKT_…` variables, then `.env`, then `mkt.toml`.

The project root is `--project`, `MKT_PROJECT`, the nearest ancestor with `mkt.toml`, or the working directory if it
has the config folder. Every relative path hangs on it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mkt.errors import StartError

FILE = "mkt.toml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GuardDefaults(_Section):
    """What stands in for a guard limit that a file does not give."""

    max_delete_percent: float | None = Field(default=None, ge=0, le=100)
    max_change_percent: float | None = Field(default=None, ge=0, le=100)
    ignore_below: int | None = Field(default=None, ge=0)


class Defaults(_Section):
    """`[defaults]`, and `[defaults.<connector>]` over it."""

    schedule: str | None = None
    timezone: str | None = None
    guard: GuardDefaults = GuardDefaults()
    overdue_after: str | None = None
    jitter: str | int | None = None


class AllDefaults(Defaults):
    """`[defaults]` with a table for each connector that differs."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Defaults]

    def of(self, connector_id: str) -> Defaults:
        """Return the defaults of one connector: its own where it has some, else the general ones."""
        own = (self.__pydantic_extra__ or {}).get(connector_id, Defaults())
        given = own.model_dump(exclude_none=True, exclude={"guard"})
        guard = {**self.guard.model_dump(exclude_none=True), **own.guard.model_dump(exclude_none=True)}
        general = self.model_dump(include=set(Defaults.model_fields) - {"guard"}, exclude_none=True)
        return Defaults.model_validate({**general, **given, "guard": guard})


class AllowList(_Section):
    """`[secrets]` and `[hosts]`: what the operator allows beyond the rules."""

    allow: tuple[str, ...] = ()


class Retention(_Section):
    """How many days each kind of history is kept."""

    events: int = 90
    runs: int = 365
    holds: int = 30
    deliveries: int = 30
    tombstones: int = 365


class Lint(_Section):
    """Which lint rules apply."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class ProjectSettings(BaseSettings):
    """Everything that is the operator's and not a tenant's."""

    model_config = SettingsConfigDict(
        env_prefix="MKT_", env_nested_delimiter="__", extra="ignore", frozen=True, env_ignore_empty=True
    )

    source: str = "yaml"
    config_dir: Path = Path("configs")
    store: str = "sqlite:.mkt/mkt.db"
    public_url: str = ""
    concurrency: int = Field(default=16, ge=1, le=1000)
    defaults: AllDefaults = AllDefaults()
    secrets: AllowList = AllowList()
    hosts: AllowList = AllowList()
    retention: Retention = Retention()
    lint: Lint = Lint()

    root: ClassVar[Path] = Path()

    def path(self, relative: Path | str) -> Path:
        """Return a path below the project root."""
        return self.root / relative


def find_root(project: Path | None, config_dir: Path | None = None) -> Path:
    """Return the project root; raise `StartError` where there is no project."""
    named = project or (Path(os.environ["MKT_PROJECT"]) if os.environ.get("MKT_PROJECT") else None)
    if named is not None:
        if not named.is_dir():
            raise StartError(f"{named} is not a folder", remedy="Give the project's folder with --project.")
        return named.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    folder_name = config_dir or Path(os.environ.get("MKT_CONFIG_DIR") or "configs")
    if (here / folder_name).is_dir():
        return here
    raise StartError(
        f"no project here: neither {FILE} in {here} or above it, nor a folder {folder_name}/",
        remedy="Change to the project's folder, or name it with --project or MKT_PROJECT.",
    )


def load(root: Path, flags: Mapping[str, Any]) -> ProjectSettings:
    """Return the settings of a project; raise `StartError` that names the wrong one. None flags are not given."""
    chosen = type("ProjectSettings", (_AtRoot,), {"root": root, "__module__": __name__})
    try:
        return chosen(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise StartError(
            f"setting {name}: {first['msg']}", remedy=f"Correct it in {root / FILE}, its variable or its flag."
        ) from None
    except (OSError, ValueError) as error:
        raise StartError(f"{root / FILE} cannot be read: {error}", remedy="Correct the file.") from None


class _AtRoot(ProjectSettings):
    """The settings with the files of one root as their sources."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del env_settings, dotenv_settings, file_secret_settings
        return (
            init_settings,
            EnvSettingsSource(settings_cls),
            DotEnvSettingsSource(settings_cls, env_file=cls.root / ".env"),
            TomlConfigSettingsSource(settings_cls, toml_file=cls.root / FILE),
        )
