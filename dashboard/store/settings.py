"""Where the app reads from: the variables of design §3."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

_CACHE = Path.home() / ".cache" / "soc-copilot"


class StoreSettings(BaseSettings):
    """Settings from the environment (``PG_HOST`` … ``AWS_REGION``, ``SOC_STORE``, ``SOC_CACHE_*``).

    ``soc_store`` is a folder that holds the four buckets; without it they are on S3.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    pg_host: str = ""
    pg_port: int = 5432
    pg_user: str = ""
    pg_password: SecretStr = SecretStr("")
    pg_database: str = ""

    aws_endpoint_url: str = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: SecretStr = SecretStr("")
    aws_region: str = "us-east-1"

    soc_store: Path | None = None
    soc_cache_dir: Path = _CACHE
    soc_cache_mib: int = Field(default=4_096, ge=64)
    """Parquet kept on the local disk; the least recently read goes first."""

    @field_validator("aws_endpoint_url")
    @classmethod
    def _scheme_defaults_to_http(cls, value: str) -> str:
        return value if not value or "://" in value else f"http://{value}"

    def database_url(self) -> URL:
        """The audit database, read through psycopg 3."""
        return URL.create(
            "postgresql+psycopg",
            username=self.pg_user or None,
            password=self.pg_password.get_secret_value() or None,
            host=self.pg_host,
            port=self.pg_port,
            database=self.pg_database or None,
        )
