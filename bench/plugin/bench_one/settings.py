"""Where to ask."""

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """One URL."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(description="What is asked.", examples=["http://127.0.0.1:8080"])
