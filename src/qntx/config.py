"""Settings: defaults, then qntx.toml, then the environment, then arguments."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError

from qntx.contributed_settings import FILE, PREFIX, names_in, whose_section, with_contributed
from qntx.errors import BadInput, did_you_mean

Kind = TypeVar("Kind", bound="Section")


class Section(BaseModel):
    """Settings that belong together; a name that there is not is refused."""

    model_config = ConfigDict(extra="forbid")


class FetchSettings(Section):
    """Limits of everything that is fetched by URL."""

    #: Hosts ("host" or "host:port") that may be fetched although their address is not public.
    allow_hosts: list[str] = Field(default_factory=list)
    max_bytes: int = 10_000_000
    timeout_s: float = 30.0
    connect_timeout_s: float = 5.0
    max_redirects: int = 5


class ServerSettings(Section):
    """Where the HTTP server listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8820, ge=0, le=65_535)
    workers: int = Field(default=1, ge=0, le=256)
    #: A worker is replaced after so many jobs, or when it has grown to so many MiB.
    worker_max_jobs: int = Field(default=10_000, ge=1)
    worker_max_mib: int = Field(default=512, ge=16)
    #: Names besides localhost under which browsers may reach it ("name" or "name:port").
    allowed_hosts: list[str] = Field(default_factory=list)
    #: "local": reads need no token, writes do; "always": both do. Forced to "always" when *host*
    #: is no loopback address.
    auth: Literal["local", "always"] = "local"
    #: Listening where other machines can reach it has to be asked for (or: --allow-remote).
    allow_remote: bool = False


class PulseSettings(Section):
    """Limits for handlers that are metered; None: no limit, 0: nothing runs."""

    max_calls_per_minute: int | None = None
    daily_budget_usd: float | None = None
    weekly_budget_usd: float | None = None
    monthly_budget_usd: float | None = None

    @property
    def limited(self) -> bool:
        """Whether any limit is set."""
        return any(
            limit is not None
            for limit in (
                self.max_calls_per_minute,
                self.daily_budget_usd,
                self.weekly_budget_usd,
                self.monthly_budget_usd,
            )
        )


class CaptureSettings(Section):
    """What is captured of a run, and how."""

    redact: bool = True
    segment_bytes: int = 8 << 20
    #: While lines cannot be written: kept in memory; how long other output waits, seconds.
    memory_limit_bytes: int = 64 << 20
    room_wait_s: float = Field(default=60.0, ge=0, le=86_400)
    level: int = 0  #: the lowest of log records captured; by logger, although the program hides it
    levels: dict[str, int] = Field(default_factory=dict)
    #: Capture file descriptors 1 and 2 as well: C code, subprocesses, crashes.
    descriptors: bool = True


def _days(value: object) -> float | str:
    if value == "forever":
        return "forever"
    try:
        days = float(str(value))
    except ValueError:
        days = -1.0
    if not 0 < days <= 36_500:
        raise ValueError(
            f'{value!r} is not a valid number of days - give one above 0, or "forever"'
        )
    return days


#: Days that something is kept; "forever": always.
Days = Annotated[float | Literal["forever"], PlainValidator(_days)]


class RetentionRule(Section):
    """How long some lines are kept; the first rule that fits a line decides about it."""

    #: Days since the job ended.
    days: Days
    #: Lines of this level and less important ones; default: of every level.
    level: Literal["debug", "info", "warn", "error", "critical"] | None = None
    #: Lines of jobs that ended like this; default: however they ended.
    status: Literal["completed", "failed", "cancelled"] | None = None


class RetentionSettings(Section):
    """How long what jobs said is kept."""

    #: Days since the job ended, for lines that no rule is about.
    days: Days = 90
    rules: list[RetentionRule] = Field(default_factory=list, max_length=100)
    #: Jobs that ended longer ago than this, and have no lines left, are forgotten altogether.
    jobs_days: Days = "forever"


class StorageSettings(Section):
    """When the data directory counts as too large; it is a warning, nothing is deleted by it."""

    #: Database and journals together ("10GB", "500MB"); 0: no limit.
    limit: ByteSize = ByteSize(10_000_000_000)
    #: Less free space on the disk than this is warned of; 0: never.
    min_free: ByteSize = ByteSize(1_000_000_000)
    #: Gets a POST with JSON when a limit is crossed; what fetch.allow_hosts says holds for it.
    webhook: str | None = None


class Settings(BaseSettings):
    """
    All settings of one data directory.

    Sections of installed applications are fields, too, where one of their settings is given;
    :meth:`section` gives them in any case.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", toml_file=FILE
    )

    home: Path = Field(default_factory=lambda: Path(".qntx"))
    #: Modules to import for the handlers they declare ("package.module" or "package.module:app");
    #: in the environment several are separated by commas.
    app: Annotated[list[str], NoDecode] = Field(default_factory=list)
    fetch: FetchSettings = Field(default_factory=FetchSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    pulse: PulseSettings = Field(default_factory=PulseSettings)
    capture: CaptureSettings = Field(default_factory=CaptureSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)

    _sections: dict[str, Section] = PrivateAttr(default_factory=dict)

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Of a class that knows the sections of applications, if they are needed."""
        kind: type[Any] = with_contributed(Settings, given) if cls is Settings else cls
        made: Self = super().__new__(kind)
        return made

    def section(self, name: str, kind: type[Kind]) -> Kind:
        """
        The section *name* that an application contributes, as *kind*; defaults if nothing is set.

        Where the runtime has a section of this name, *kind* adds to it.
        """
        found = getattr(self, name, None) or self._sections.get(name)
        if isinstance(found, kind):
            return found
        made = kind(**dict(found)) if isinstance(found, Section) else kind()
        if found is not None and name in type(self).model_fields:
            setattr(self, name, made)  # so that a change is seen by all
        else:
            self._sections[name] = made
        return made

    def as_json(self) -> bytes:
        """All settings, the sections of applications included; `load` takes them as keywords."""
        # Without warnings: pydantic gives one for a whole number of days where a float may stand.
        found = self.model_dump(mode="json", warnings=False, serialize_as_any=True)
        for name, section in self._sections.items():
            found[name] = section.model_dump(mode="json")
        return json.dumps(found).encode()

    @field_validator("app", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        """``QNTX_APP=shop.jobs,shop.mail``; a JSON list works, too."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [name.strip() for name in value.split(",") if name.strip()]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over qntx.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def database(self) -> Path:
        """The SQLite file of this data directory."""
        return self.home / "qntx.db"

    @property
    def journal(self) -> Path:
        """The folder of the journal segments."""
        return self.home / "journal"


def load(
    *,
    home: str | Path | None = None,
    app: str | Sequence[str] | None = None,
    **sections: Section | Mapping[str, Any] | None,
) -> Settings:
    """
    The settings in force, with the keywords on top; the data directory *home* is made absolute.

    *app* names modules that declare handlers; each other keyword is a section. None: not given.
    Raises BadInput with the name of the setting that cannot be used, or what is wrong in qntx.toml.
    """
    try:
        given: dict[str, Any] = {"home": home, "app": app, **sections}
        settings = Settings(**{k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        raise BadInput(_wrong(error.errors()[0], given)) from None
    except SettingsError as error:
        raise BadInput(_no_json(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadInput(
            f"{os.path.abspath('qntx.toml')} cannot be read as TOML: {error} - correct it there"
        ) from None
    settings.home = Path(os.path.abspath(settings.home.expanduser()))
    return settings


def _wrong(fault: Any, given: dict[str, Any]) -> str:
    """What is said of a setting that cannot be used, or that there is not."""
    name = ".".join(str(part) for part in fault["loc"])
    place = "__".join(takewhile(lambda part: isinstance(part, str), fault["loc"])).upper()
    where = f"correct it in qntx.toml or in QNTX_{place}"
    if fault["type"] == "extra_forbidden":
        owner = whose_section(Settings, [str(part) for part in fault["loc"]])
        if owner is not None:
            return f"setting {name!r} {owner}"
        *sections, last = fault["loc"]
        within = "".join(f"{section}." for section in sections)
        known = names_in(with_contributed(Settings, given), sections)
        return f"unknown setting {name!r}{did_you_mean(str(last), known, within)} - {where}"
    reason = fault["msg"].removeprefix("Value error, ")
    return f"setting {name!r} cannot be used: {reason} - {where}"


def _no_json(error: SettingsError) -> str:
    """What is said of a setting in the environment that should be JSON, and is none."""
    field = re.search(r'field "(\w+)"', str(error))
    prefix = f"QNTX_{field[1] if field else ''}".upper()
    names = [name for name in sorted(os.environ) if name.upper().startswith(prefix)]
    return (
        f"{' or '.join(names)} in the environment cannot be used: it is no JSON"
        f' ({error.__cause__}) - write lists as ["a", "b"] and groups as {{"name": "value"}}'
    )
