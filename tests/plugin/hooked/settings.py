"""Nothing to set."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")
