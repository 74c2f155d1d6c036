"""What a tenant says under `settings:` of an `acme-hr` integration."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Column(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    alias: str = ""


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    mode: Literal["full", "delta"] = "full"
    page_size: int = Field(default=100, ge=1, le=500)
    ratio: float = 0.5
    units: Literal["any"] | tuple[str, ...] = "any"
    columns: tuple[Column, ...] = ()
    params: dict[str, str] = Field(default_factory=dict)
    since: date | None = None
    archived: bool = False
    webhook_url: str = ""
