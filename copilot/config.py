"""Settings from the environment, with the defaults that suit a laptop."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from copilot.errors import NotSetUp


class Settings(BaseSettings):
    """Read from ``SALES_COPILOT_*`` variables; ``DATABASE_URL`` style strings work for ``database_url``."""

    model_config = SettingsConfigDict(env_prefix="SALES_COPILOT_")

    workspace: Path = Path("workspace")
    cache: Path = Field(
        default=Path("~/.cache/sales-copilot").expanduser(), description="What is learned once for all workspaces."
    )
    database_url: str | None = Field(default=None, description="Defaults to SQLite in the workspace.")
    model: str | None = Field(default=None, description="The embedded model: none, small, better or a .gguf file.")
    remote_url: str | None = Field(
        default=None, description="Any OpenAI-compatible server, as https://api.openai.com/v1; questions go there."
    )
    remote_model: str = Field(default="gpt-4o-mini", description="The model's name there.")
    remote_key: SecretStr = Field(default=SecretStr(""), description="The bearer token there.")
    remote_silence: float = Field(default=20, gt=0, description="Seconds without a word until the next rung answers.")
    midpoint_days: float = Field(
        default=90, gt=0, description="d0 of Eq. 4: where money and engagement weigh the same."
    )
    steepness: float = Field(default=0.05, gt=0, description="k of Eq. 4, per day.")
    accounts_per_rep: int = Field(default=25, ge=1, description="Worklist size where the book gives a rep no maximum.")
    cycle_days: int = Field(default=14, ge=1, description="An account is recommended at most once in so many days.")
    week_hours: float = Field(
        default=10, ge=0.25, le=40, description="Hours of a rep's week for accounts, a quarter of it, unless told."
    )
    # What an action takes with preparation and follow-up: assumed, since no book records it.
    hours_boost_engagement: float = Field(default=1.0, gt=0, le=40, description="Hours to boost engagement.")
    hours_promote_upsell: float = Field(default=1.5, gt=0, le=40, description="Hours to promote an upsell.")
    hours_prevent_churn: float = Field(default=2.0, gt=0, le=40, description="Hours to prevent churn.")


@cache
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings()


def rooms_root() -> Path:
    """Return the folder that holds ``tools/`` and ``prompts/``: inside an installed wheel, or the repository itself.

    Raises:
        NotSetUp: Neither is there, so this installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_rooms", package.parent):
        if (folder / "tools").is_dir() and (folder / "prompts").is_dir():
            return folder
    raise NotSetUp(
        f"The folders tools and prompts are missing beside {package}: install sales-copilot again from its wheel, "
        "or run it from a whole copy of the repository."
    )
