"""
Settings: every setting of the gateway, documented at the field.

Read from the environment (``FENCEPOST_<NAME>``, nested with ``__``) and from a TOML file
(``fencepost.toml`` in the working folder, or the one ``FENCEPOST_CONFIG`` names); the environment
wins. An unknown member of the file is an error. ``docs/reference/settings.md`` is generated
from here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from fencepost_gateway.errors import StartError

DEFAULT_FILE = "fencepost.toml"


class ChannelSettings(BaseModel):
    """Which driver serves a channel, and that driver's own settings."""

    model_config = ConfigDict(extra="forbid")

    driver: str = Field(
        description="Name of an installed driver: in_app, apns, fcm, web_push, sms, email, "
        "webhook, capture, or a third party's."
    )
    settings: dict[str, str] = Field(
        default_factory=dict,
        description="The driver's settings; see its page. Secrets are never shown.",
    )
    per_second: float | None = Field(
        default=None,
        gt=0,
        le=100_000,
        description="Calls a second at most. Default: sms 10, email 20, web_push and push 200; "
        "in_app and the capture driver have no limit.",
    )
    in_flight: int = Field(
        default=100, ge=1, le=1000, description="Calls of this channel at the same time."
    )


class Settings(BaseSettings):
    """What an operator may set. Every default is safe for one machine."""

    model_config = SettingsConfigDict(
        env_prefix="FENCEPOST_", env_nested_delimiter="__", extra="forbid"
    )

    data_dir: Path = Field(
        default=Path(".fencepost"),
        description="Folder of database, keys and captures; made with mode 0700 when absent.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; this machine by default. Put a TLS proxy before it.",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes any.")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        description="Where people reach this gateway (https://edge.example.com), for links in "
        "messages; without it a message with such a link is withheld.",
    )
    behind_proxy: bool = Field(
        default=False,
        description="Your proxy adds X-Forwarded-For: take the caller's address, which proofs of "
        "consent keep truncated, from its last entry.",
    )
    workspace: str = Field(
        default="default",
        pattern=r"^[a-z0-9-]{1,64}$",
        description="Name of the workspace; part of every id, so it must not change.",
    )
    environment: Literal["production", "development", "test"] = Field(
        default="production",
        description="In development and test a device may ask for the decisions about itself.",
    )
    store: Literal["sqlite", "memory"] = Field(
        default="sqlite", description="`memory` forgets everything at the end: for trials only."
    )
    min_ack_level: Literal["memory", "os", "fsync"] = Field(
        default="fsync",
        description="Refuse to start when an acknowledged event would survive less than this.",
    )
    channels: dict[str, ChannelSettings] = Field(
        default_factory=dict,
        description="Driver by channel (in_app, push, web_push, sms, email). in_app and web_push "
        "work without; the others are off until set. A channel may have several, each under a name "
        "of its own: push_apns, push_fcm.",
    )
    sms_replies: dict[
        Literal["stop", "start", "help", "stop_ko", "start_ko", "help_ko"],
        Annotated[str, Field(max_length=320)],
    ] = Field(
        default_factory=dict,
        description="What is answered by SMS to STOP, START and HELP (`stop`, `start`, `help`; to "
        "Koreans `stop_ko` …) in place of our words; empty: nothing. No advertising may be in it.",
    )
    history_days: int = Field(
        default=396,
        ge=1,
        le=3660,
        description="How long it is kept what happened to people, and what was decided: 13 months. "
        "No coordinates are in it. Backtests and new traits look back so far.",
    )
    secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Secrets by the names that sources give them (FENCEPOST_SECRETS__CRM_KEY is "
        "crm_key). Never shown.",
    )
    check_links: bool = Field(
        default=True,
        description="Ask once a day, and after a publication, whether the pages are there that "
        "live messages link to, on public hosts; `fencepost journey show` tells which are not.",
    )
    streams: int = Field(
        default=2_000,
        ge=0,
        le=100_000,
        description="Devices that may have a stream of messages open at the same time; one more "
        "asks for its messages as without streams.",
    )
    in_flight: int = Field(
        default=200,
        ge=1,
        le=1000,
        description="Messages being claimed, called and confirmed at the same time; each channel "
        "has a limit of its own.",
    )
    failpoint: str = Field(
        default="",
        description="For tests alone: where this process dies, freezes or fails "
        "(name:action:probability:seed). Refused unless environment is test.",
    )
    provider_timeout_s: float = Field(
        default=30.0, gt=0, le=30, description="Longest time one provider call may take, seconds."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit arguments, then the environment, then the file."""
        path = os.environ.get("FENCEPOST_CONFIG", DEFAULT_FILE)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


def read_settings() -> Settings:
    """
    Read the settings.

    Raises:
        StartError: One is wrong; names each and says how to mend it. Values are not repeated.

    """
    path = os.environ.get("FENCEPOST_CONFIG")
    if path and not Path(path).is_file():
        raise StartError(f"FENCEPOST_CONFIG names {path}, which is not a file")
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        known = ", ".join(sorted(Settings.model_fields))
        raise StartError(
            "wrong settings (environment FENCEPOST_… or fencepost.toml):\n"
            + "\n".join(lines)
            + f"\nknown settings: {known}"
        ) from None
    except ValueError as error:
        raise StartError(f"the settings file cannot be read: {error}") from None
