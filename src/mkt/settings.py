"""The operator's settings: flags, then `MKT_…` variables, then `.env`, then `mkt.toml`.

The project root is `--project`, `MKT_PROJECT`, the nearest ancestor with `mkt.toml`, or the working directory if it
has the config folder. Every relative path hangs on it.
"""

import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from mkt.contract import Schedule
from mkt.contract.schedule import jitter, span
from mkt.errors import StartError
from mkt.validation import expected, in_words

FILE = "mkt.toml"
_PREFIX = "MKT_"
_REMEDIES: Final = {"text": "Put it in quotes.", "a list": 'Write it as a list: ["one", "two"].'}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GuardDefaults(_Section):
    """What stands in for a guard limit that a file does not give."""

    max_delete_percent: float | None = Field(default=None, ge=0, le=100)
    max_change_percent: float | None = Field(default=None, ge=0, le=100)
    ignore_below: int | None = Field(default=None, ge=0)


class RateDefaults(_Section):
    """What was agreed with a partner, in place of its manifest's numbers."""

    requests: int = Field(gt=0)
    seconds: float = Field(gt=0, allow_inf_nan=False)


class Defaults(_Section):
    """`[defaults]`, and `[defaults.<connector>]` over it."""

    schedule: str | None = None
    timezone: str | None = None
    guard: GuardDefaults = GuardDefaults()
    overdue_after: str | None = None
    jitter: str | int | None = None
    rate_limit: RateDefaults | None = None

    @model_validator(mode="after")
    def _is_cron(self) -> Self:
        """Refuse a default that would otherwise be reported as a fault of every tenant's file."""
        if self.schedule or self.timezone:
            Schedule(self.schedule or "@daily", self.timezone or "UTC")
        return self

    @field_validator("overdue_after")
    @classmethod
    def _is_span(cls, text: str | None) -> str | None:
        if text is not None:
            span(text)
        return text

    @field_validator("jitter")
    @classmethod
    def _is_jitter(cls, given: str | int | None) -> str | int | None:
        if given is not None:
            jitter(given)
        return given


class AllDefaults(Defaults):
    """`[defaults]` with a table for each connector that differs."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Defaults]
    _merged: dict[str, Defaults] = PrivateAttr(default_factory=dict)

    def of(self, connector_id: str) -> Defaults:
        """Return the defaults of one connector: its own where it has some, else the general ones."""
        if connector_id not in self._merged:
            self._merged[connector_id] = self._merge(connector_id)
        return self._merged[connector_id]

    def _merge(self, connector_id: str) -> Defaults:
        own = (self.__pydantic_extra__ or {}).get(connector_id, Defaults())
        given = own.model_dump(exclude_none=True, exclude={"guard"})
        guard = {**self.guard.model_dump(exclude_none=True), **own.guard.model_dump(exclude_none=True)}
        general = self.model_dump(include=set(Defaults.model_fields) - {"guard"}, exclude_none=True)
        return Defaults.model_validate({**general, **given, "guard": guard})


class AllowList(_Section):
    """`[secrets]` and `[hosts]`: what the operator allows beyond the rules."""

    allow: tuple[str, ...] = ()


Days = Annotated[int, Field(ge=1, le=36500)]


class Retention(_Section):
    """How many days each kind of history is kept."""

    events: Days = 90
    runs: Days = 365
    holds: Days = 30
    deliveries: Days = 30
    tombstones: Days = 365


class Lint(_Section):
    """Which lint rules apply."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class Alerts(_Section):
    """`[alerts]`: who is told when a cause of failures begins or ends."""

    webhook: SecretStr | None = None
    """Where each alert is posted. Hidden like a secret: such URLs often hold the receiver's key."""
    webhook_secret: str = ""
    """A reference to the key of the signatures, `whsec_…`."""
    command: str | tuple[str, ...] = ()
    """What gets each alert on its standard input: a list of words, or a text that is split as a shell would."""

    heartbeat_url: SecretStr | None = None
    """What is called at the end of each scheduled sync, so that a watch elsewhere notices when none runs any more."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The words of the command; none where there is none."""
        return tuple(shlex.split(self.command)) if isinstance(self.command, str) else self.command

    @field_serializer("webhook", "heartbeat_url")
    def _hidden(self, given: SecretStr | None) -> str | None:
        return "***" if given else None

    @field_validator("webhook", "heartbeat_url")
    @classmethod
    def _can_be_called(cls, given: SecretStr | None) -> SecretStr | None:
        """Refuse plain http to other machines."""
        if given is None or not given.get_secret_value():
            return None
        try:
            url = urlsplit(given.get_secret_value())
            host, _ = url.hostname, url.port
        except ValueError:
            raise ValueError("not a URL") from None
        if not host or not (url.scheme == "https" or (url.scheme == "http" and _is_loopback(host))):
            raise ValueError("not an https:// URL (plain http:// is for loopback hosts only)")
        if url.username or url.password:
            raise ValueError("a user name or password stands in the URL")
        return given

    @field_validator("webhook_secret")
    @classmethod
    def _is_reference(cls, text: str) -> str:
        if text and not re.fullmatch(r"[a-z]+:.+", text):
            raise ValueError("not a reference such as env:NAME; the value itself never stands here")
        return text

    @field_validator("command")
    @classmethod
    def _are_words(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        try:
            return given if isinstance(given, tuple) or shlex.split(given) else ()
        except ValueError:
            raise ValueError("must close each quotation mark that it opens") from None


class Serve(_Section):
    """`[serve]`: what stands between `mkt serve` and its callers."""

    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Addresses and networks whose `Forwarded` and `X-Forwarded-…` headers are believed."""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ProjectSettings(BaseSettings):
    """Everything that is the operator's and not a tenant's."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True, env_ignore_empty=True
    )

    root: Path = Path()
    """The project root: found, never a setting."""
    source: str = "yaml"
    config_dir: Path = Path("configs")
    store: str = "sqlite:.mkt/mkt.db"
    """`sqlite:PATH`, or `supabase`."""
    log_file: Path | None = None
    """Where the events of verify and sync are appended besides."""
    public_url: str = ""
    concurrency: int = Field(default=16, ge=1, le=1000)
    defaults: AllDefaults = AllDefaults()
    secrets: AllowList = AllowList()
    hosts: AllowList = AllowList()
    retention: Retention = Retention()
    alerts: Alerts = Alerts()
    serve: Serve = Serve()
    lint: Lint = Lint()

    def path(self, relative: Path | str) -> Path:
        """Return a path below the project root."""
        return self.root / relative

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the files of the root that was given; without one there are no files."""
        del dotenv_settings, file_secret_settings
        given = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        if "root" not in given:
            return init_settings, env_settings
        root = Path(given["root"])
        return (
            init_settings,
            env_settings,
            DotEnvSettingsSource(settings_cls, env_file=root / ".env"),
            InitSettingsSource(settings_cls, _read_toml(root / FILE)),
        )


def is_folder(path: Path) -> bool:
    """Tell whether it is a folder; a name that no file system takes is none either."""
    try:
        return path.is_dir()
    except OSError:
        return False


def find_root(project: Path | None, config_dir: Path | None = None) -> Path:
    """Return the project root; raise `StartError` where there is no project."""
    named = project or (Path(os.environ["MKT_PROJECT"]) if os.environ.get("MKT_PROJECT") else None)
    if named is not None:
        if not is_folder(named):
            raise StartError(
                f"{named} is not a folder", remedy="Give the project's folder with --project or MKT_PROJECT."
            )
        return named.resolve()
    here = _working_directory()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    folder_name = config_dir or Path(os.environ.get("MKT_CONFIG_DIR") or "configs")
    if is_folder(here / folder_name):
        return here
    raise StartError(
        f"no project here: neither {FILE} in {here} or above it, nor a folder {folder_name}/",
        remedy="Change to the project's folder, or name it with --project or MKT_PROJECT.",
    )


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        remedy = "Change to the project's folder, or name it with --project or MKT_PROJECT."
        raise StartError("the working directory is no longer there", remedy=remedy) from None


def load(root: Path, flags: Mapping[str, Any]) -> ProjectSettings:
    """Return the settings of a project; raise `StartError` that names the wrong one. None flags are not given."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return ProjectSettings(**{**given, "root": root})
    except ValidationError as error:
        raise _wrong(error.errors(include_input=False)[0], root, given) from None
    except SettingsError as error:
        message = f"a variable {_PREFIX}… or {root / '.env'} cannot be read: {error}"
        raise StartError(
            message, remedy="Write a list as JSON, such as MKT_HOSTS__ALLOW='[\"hr.example\"]'."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{root / '.env'} cannot be read: {error}", remedy="Correct or remove it.") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        remedy = "Correct the file or its permissions."
        raise StartError(f"{path} cannot be read: {error.strerror}", remedy=remedy) from None
    except UnicodeDecodeError:
        raise StartError(f"{path} is not UTF-8 text", remedy="Save it as UTF-8.") from None
    except ValueError as error:
        raise StartError(f"{path} cannot be read: {error}", remedy="Correct the file.") from None
    known = set(ProjectSettings.model_fields) - {"root"}
    for key in table:
        if key not in known:
            raise StartError(f"{path}: unknown key {key}", remedy=_did_you_mean(key, known))
    return table


def _wrong(error: ErrorDetails, root: Path, flags: Mapping[str, Any]) -> StartError:
    """Say which setting is wrong, where it was given and what would be right. The value is not repeated."""
    keys = [str(part) for part in error["loc"]]
    place = _place(keys, root, flags)
    unknown = error["type"] == "extra_forbidden" or (keys[0] == "defaults" and error["type"] == "model_type")
    if unknown and len(keys) > 1 and keys[-1] in ProjectSettings.model_fields:
        remedy = f"Write it above the first [section]: below [{keys[0]}] it belongs to that."
        return StartError(f"{place}: unknown key", remedy=remedy)
    if unknown:
        return StartError(f"{place}: unknown key", remedy=_did_you_mean(keys[-1], _siblings(keys)))
    remedy = _REMEDIES.get(expected(error["msg"]) or "", "Correct it there.")
    return StartError(f"{place}: {in_words(error['msg'])}", remedy=remedy)


def origin(keys: Sequence[str], root: Path, flags: Mapping[str, Any]) -> str | None:
    """Return where a setting in force was given, None where it is a default; `keys` lead to it from the top."""
    table: Any = _read_toml(root / FILE)
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return _given(keys, root, flags) or (None if table is None else _in_toml(keys, root))


def _place(keys: Sequence[str], root: Path, flags: Mapping[str, Any]) -> str:
    """Return where a setting was given: the first of flag, variable, `.env` and `mkt.toml` that has it."""
    return _given(keys, root, flags) or _in_toml(keys, root)


def _in_toml(keys: Sequence[str], root: Path) -> str:
    return f"{root / FILE}: {'.'.join(keys)}"


def _given(keys: Sequence[str], root: Path, flags: Mapping[str, Any]) -> str | None:
    """Return the flag, the variable or the line of `.env` that gives a setting, or a part of it, or all around it."""
    if flags.get(keys[0]) is not None:
        return f"--{keys[0].replace('_', '-')}"
    names = [_PREFIX + "__".join(keys[:end]).upper() for end in range(len(keys), 0, -1)]
    env_file = DotEnvSettingsSource(ProjectSettings, env_file=root / ".env").env_vars
    for place, variables in (("variable", os.environ), (f"{root / '.env'}:", env_file)):
        given = {variable.upper() for variable, value in variables.items() if value}
        for name in names:
            if name in given:
                return f"{place} {name}"
    return None


def _siblings(keys: Sequence[str]) -> set[str]:
    """Return the keys that may stand where the last of `keys` stands."""
    model: type[BaseModel] = ProjectSettings
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        annotation: Any = field.annotation if field else Defaults
        model = next((a for a in (annotation, *get_args(annotation)) if isinstance(a, type)), Defaults)
    return set(model.model_fields)


def _did_you_mean(key: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(key, names, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(names)}."
