"""Where to ask."""

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """One URL and the size of its pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(description="What is asked.", examples=["http://127.0.0.1:8080"])
    page_size: int = Field(default=1000, description="How many people a page has.", examples=[1000])
    incremental: bool = Field(
        default=False,
        description="Whether to ask for what changed since the last sync.",
        examples=[True],
    )
