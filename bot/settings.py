"""All settings, read from the environment and nowhere else. `docs/operate.md` prints this table; a test keeps it so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import SettingsError
from bot.hotline.hours import Hours

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_TEMPLATE = re.compile(r"(?P<language>[A-Za-z_]{2,8})=(?P<name>[a-z0-9_]{1,512})(?:/(?P<code>[A-Za-z_]{2,8}))?")
_META_CODES = {"ky": "ky_KG"}  # Meta's name of a language, where it is not ours; Tajik has none: give one after the slash
_HERE = Path(__file__).resolve().parent.parent


class TelegramSettings(BaseModel):
    """Telegram's Bot API."""

    token: SecretStr = Field(SecretStr(""), description="The bot's token from @BotFather. Empty: Telegram is off.")
    api_url: str = Field("https://api.telegram.org", description="Another Bot API server: self-hosted, or for tests.")
    desk_chat: int = Field(0, description="Id of the operators' supergroup with topics. 0: no Telegram desk.")
    desk_rate: int = Field(19, ge=6, description="Messages a minute to that group, all topics together. Telegram takes 20.")


class WhatsAppSettings(BaseModel):
    """Meta's WhatsApp Cloud API."""

    token: SecretStr = Field(SecretStr(""), description="Access token of the WhatsApp app. Empty: WhatsApp is off.")
    phone_id: str = Field("", description="Id of the phone number that sends.")
    app_secret: SecretStr = Field(SecretStr(""), description="App secret; every webhook's signature is checked with it.")
    verify_token: SecretStr = Field(SecretStr(""), description="The word that Meta repeats when it checks the webhook.")
    api_url: str = Field("https://graph.facebook.com/v23.0", description="Another Graph API server, for tests.")
    templates: str = Field("", description="Approved neutral templates by language, for after 24 hours: ru=hello kk=hello tg=hello_tg/ru (name, after / Meta's language).")

    @field_validator("templates")
    @classmethod
    def _templates_read(cls, templates: str) -> str:
        if not all(_TEMPLATE.fullmatch(part) for part in templates.split()):
            raise ValueError("Write language=name or language=name/code, parted by spaces")
        return templates

    def template(self, language: str) -> tuple[str, str] | None:
        """Name and Meta's language code of the template for a language; Uzbek in Cyrillic may fall back to Latin."""
        known = {found["language"]: found for part in self.templates.split() if (found := _TEMPLATE.fullmatch(part))}
        found = known.get(language) or known.get(language.partition("_")[0])
        if found is None:
            return None
        plain = language.partition("_")[0]
        return found["name"], found["code"] or _META_CODES.get(plain, plain)


class Settings(BaseSettings):
    """The service's settings; each is HOTLINE_ and the name in capitals, nested ones joined by two underscores."""

    model_config = SettingsConfigDict(env_prefix="HOTLINE_", env_nested_delimiter="__", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on. 0.0.0.0 in a container.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the web chat, the console and the webhooks.")
    data_dir: Path = Field(Path("data"), description="Database, keys, spool and trained models live here.")
    database_url: str = Field("", description="SQLAlchemy address; empty: SQLite in the data directory. PostgreSQL: postgresql+asyncpg://…")
    content_dir: Path = Field(_HERE / "intents", description="The intent files.")
    locales_dir: Path = Field(_HERE / "locales", description="The phrase catalogues.")
    public_url: str = Field("", description="https address under which the world reaches this service. Set: webhooks; empty: Telegram is polled.")
    exit_url: str = Field("https://www.google.com/", description="Where quick exit of the web chat leads: a neutral page.")
    embed_origins: str = Field("", description="Sites that may show the web chat in a frame, parted by spaces: https://ngo.example")
    semantic: bool = Field(True, description="Use the meaning model (multilingual-e5-small). It needs 20 to 40 MB more memory.")
    keys: SecretStr = Field(SecretStr(""), description="Encryption keys id:base64,… (first is current). Empty: a key file in the data directory.")
    desk_hours: str = Field("Mon-Sun 00:00-24:00", description="When operators are there, e.g. Mon-Fri 09:00-18:00.")
    desk_zone: str = Field("Asia/Almaty", description="Time zone of the desk's hours.")
    desk_holidays: str = Field("", description="Days on which nobody is there, parted by spaces: 2027-01-01 2027-03-21")
    desk_offer_seconds: float = Field(60.0, ge=1, description="An emergency offered to an operator and not taken goes back to the queue after this.")
    desk_vanish_seconds: float = Field(90.0, ge=5, description="An operator whose console was not heard of for so long is gone; their cases go back.")
    silence_minutes: int = Field(60, ge=0, description="No message for so long is an alarm: log, /ready, metric, board. 0: never.")
    silence_hours: str = Field("Mon-Sun 08:00-23:00", description="When messages usually come, in the desk's zone; the alarm is silent outside.")
    broadcast_rate: float = Field(10.0, gt=0, le=30, description="News a second on each channel; keep it well below the platform's limit (Telegram 30).")
    caller_rate: int = Field(20, ge=1, description="Messages a minute answered for one caller; danger is always answered.")
    scanner: str = Field("", description="A clamd that looks at callers' files before the console shows them: /run/clamav/clamd.ctl or host:3310. Empty: none.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_json: bool = Field(False, description="Logs as JSON lines, for collectors.")
    metrics_token: SecretStr = Field(SecretStr(""), description="When set, /metrics asks for it as bearer token.")
    telegram: TelegramSettings = Field(default_factory=TelegramSettings, description="")  # type: ignore[arg-type]
    whatsapp: WhatsAppSettings = Field(default_factory=WhatsAppSettings, description="")  # type: ignore[arg-type]

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        if level.upper() not in _LEVELS:
            raise ValueError(f"Use one of {', '.join(_LEVELS)}")
        return level.upper()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if url and not url.startswith(("sqlite", "postgresql")):
            raise ValueError("Use sqlite:///… or postgresql+asyncpg://…, or leave it empty")
        return url

    @field_validator("scanner")
    @classmethod
    def _is_a_socket(cls, address: str) -> str:
        if address and not address.startswith("/") and not re.fullmatch(r"[^\s:]+:\d{1,5}", address):
            raise ValueError("Write the path of the socket, or host:port")
        return address

    @field_validator("public_url")
    @classmethod
    def _has_scheme(cls, url: str) -> str:
        if url and not url.startswith(("https://", "http://")):
            raise ValueError("Write the whole address, https://…")
        return url

    @model_validator(mode="after")
    def _hours_read(self) -> Settings:
        try:
            self.hours  # noqa: B018 (read for what it raises)
            self.usual_hours  # noqa: B018
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def hours(self) -> Hours:
        """When the desk is open."""
        return Hours.parse(self.desk_hours, self.desk_zone, self.desk_holidays)

    @property
    def usual_hours(self) -> Hours:
        """When messages usually come."""
        return Hours.parse(self.silence_hours, self.desk_zone, setting="HOTLINE_SILENCE_HOURS")

    @field_validator("data_dir")
    @classmethod
    def _no_file(cls, path: Path) -> Path:
        if path.exists() and not path.is_dir():
            raise ValueError("This is no directory")
        return path

    @property
    def database(self) -> str:
        """The database's address with the default filled in."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'hotline.db').resolve()}"

    @property
    def cache_dir(self) -> Path:
        """Where trained models are kept."""
        return self.data_dir / "models"


def load(**overrides: Any) -> Settings:
    """Read the environment. Raises SettingsError that names the variable and what is wrong with it."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_named, error.errors()))) from error


def _named(error: ErrorDetails) -> str:
    """One line that begins with the variable; what concerns several settings names them itself."""
    reason = error["msg"].removeprefix("Value error, ")
    place = "__".join(str(part) for part in error["loc"]).upper()
    return f"HOTLINE_{place}: {reason}" if place else reason


def table() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default, meaning), for the docs and `hotline settings`."""
    return _rows(Settings, "HOTLINE_")


def _rows(model: type[BaseModel], prefix: str) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        variable = f"{prefix}{name.upper()}"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += _rows(kind, f"{variable}__")
            continue
        default = field.default
        shown = "" if isinstance(default, SecretStr) else str(default).replace(str(_HERE) + "/", "")
        rows.append((variable, shown, field.description or ""))
    return rows
