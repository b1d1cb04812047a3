"""The channels by which people outside the desk are reached (外发渠道): data that an operator edits.

A host is spoken to because it stands in the file, and only then. A secret never stands in it: the file names
where the secret is kept.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    model_validator,
)

from schemas.alarms import Rung
from schemas.fields import UnitCode

#: What begins every message of a drill, on every channel.
DRILL_PREFIX = "【演练】"
#: What an alarm may be raised for, besides `prompt:STAGE` (a stage of the countdown).
RAISED_FOR = (
    "due_soon", "overdue", "level", "order", "instruction", "help", "sitrep", "unmanned", "handover",
    "roll_call",
)  # fmt: skip
_PROMPT = re.compile(r"prompt:[a-z_]{1,40}")
#: What a template of an SMS gateway may have filled in.
PLACES = ("phone", "text", "id", "time", "secret")
_PLACE = re.compile(rf"\{{({'|'.join(PLACES)})\}}")


def is_private(host: str) -> bool:
    """This machine, or an address that no router of the internet passes on."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address begins with https:// and names a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("an address has no user, password or fragment: secrets are named apart")
    if parts.scheme == "http" and not is_private(parts.hostname):
        raise ValueError(f"{parts.hostname} is no private address: write https://")
    if parts.port == 0 or any(one <= " " or one == "\x7f" for one in url):
        raise ValueError("is no address")
    return url


def _reason(slug: str) -> str:
    if slug not in RAISED_FOR and not _PROMPT.fullmatch(slug):
        raise ValueError(f"no alarm is raised for {slug}; choose of {', '.join(RAISED_FOR)}, prompt:STAGE")
    return slug


Url = Annotated[str, Field(max_length=500), AfterValidator(_address)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Words = Annotated[str, Field(min_length=1, max_length=60)]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 -]{4,18}$")]
Email = Annotated[str, Field(pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}$")]
Text = Annotated[str, Field(max_length=500)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Secret(_Part):
    """Where a secret is kept: a file that only the service reads, or a variable of its environment."""

    file: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError("a secret is named by `file` or by `env`, one of them")
        return self


class Base(_Part):
    """What every channel has. `units`: whose alarms go out by it. `full`: titles of incidents go out, too.
    `drills`: those of drills do, each beginning with 【演练】; otherwise they stay in the house."""

    id: Slug
    name: Words
    units: Annotated[list[UnitCode], Field(min_length=1, max_length=200)]
    full: StrictBool = False
    drills: StrictBool = False
    ca_file: Text | None = None

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every secret of it, and the field that names it."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Secret):
                yield name, value

    @property
    def host(self) -> str:
        """Where it goes, without anything secret."""
        return urlsplit(getattr(self, "url", "")).netloc


class DingTalk(Base):
    """A robot of a DingTalk group (钉钉), the public service or a private one."""

    kind: Literal["dingtalk"]
    url: Url
    token: Secret
    sign: Secret | None = None


class WeCom(Base):
    """A robot of a WeCom group (企业微信)."""

    kind: Literal["wecom"]
    url: Url
    token: Secret


class Feishu(Base):
    """A robot of a Feishu group (飞书): the token is the last part of its address."""

    kind: Literal["feishu"]
    url: Url
    token: Secret
    sign: Secret | None = None


class Success(_Part):
    """How a gateway's JSON answer says that it took a message: a field, and what it then holds."""

    field: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,100}$")]
    equals: Annotated[list[str | StrictInt | StrictBool], Field(min_length=1, max_length=20)]


class Sms(Base):
    """An SMS gateway (短信网关), spoken to as its own manual wants it."""

    kind: Literal["sms"]
    url: Url
    method: Literal["POST", "GET"] = "POST"
    headers: dict[str, Text] = {}
    query: dict[str, Text] = {}
    form: dict[str, Text] | None = None
    body: Annotated[dict[str, JsonValue] | None, Field(alias="json")] = None
    secret: Secret | None = None
    success: Success | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Sms:
        if self.form is not None and self.body is not None:
            raise ValueError("the body is `form` or `json`, not both")
        said = [*self.headers.values(), *self.query.values(), *(self.form or {}).values(), *_texts(self.body)]
        for text in said:
            if re.search(r"[{}]", _PLACE.sub("", text)):
                raise ValueError(f"in braces may stand {', '.join(PLACES)}, and nothing else")
        if any("{text}" in one or "\n" in one or "\r" in one for one in self.headers.values()):
            raise ValueError("a header holds no {text}")
        for wanted in ("{phone}", "{text}"):
            if not any(wanted in one for one in said):
                raise ValueError(f"nothing says {wanted}")
        if any("{secret}" in one for one in said) != (self.secret is not None):
            raise ValueError("{secret} and `secret` belong together")
        return self


class Smtp(Base):
    """Electronic mail (电子邮件) by a mail server of one's own. `to`: who gets every message."""

    kind: Literal["smtp"]
    server: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: Annotated[StrictInt, Field(ge=1, le=65535)]
    tls: Literal["implicit", "starttls", "none"]
    user: Text | None = None
    password: Secret | None = None
    sender: Annotated[Email, Field(alias="from")]
    to: Annotated[list[Email], Field(max_length=50)] = []

    @model_validator(mode="after")
    def _is_safe(self) -> Smtp:
        if self.tls == "none" and not is_private(self.server):
            raise ValueError(f"{self.server} is no private address: tls is implicit or starttls")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        return self

    @property
    def host(self) -> str:
        return f"{self.server}:{self.port}"


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def filled(value: Any, places: dict[str, str]) -> Any:
    """A template with its places filled in, once: what is filled in is never looked at for places again."""
    if isinstance(value, str):
        return _PLACE.sub(lambda found: places[found[1]], value)
    if isinstance(value, dict):
        return {name: filled(one, places) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, places) for one in value]
    return value


Channel = Annotated[DingTalk | WeCom | Feishu | Sms | Smtp, Field(discriminator="kind")]


class Person(_Part):
    """Somebody whose address no roster has. `leads`: units of whose bureau they are a leader (局领导)."""

    name: Words
    phone: Phone | None = None
    email: Email | None = None
    leads: list[UnitCode] = []


class Step(_Part):
    """Whom an alarm calls, so many minutes after it was raised if nobody has taken it."""

    to: Rung
    after_min: Annotated[StrictInt, Field(ge=0, le=1440)]


class Policy(_Part):
    """What raises an alarm and how it goes from one to the next. The last step is repeated `repeat` times."""

    raised_for: Annotated[list[Annotated[str, AfterValidator(_reason)]], Field(alias="raise", max_length=40)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=6)]
    repeat_min: Annotated[StrictInt, Field(ge=1, le=1440)] = 10
    repeat: Annotated[StrictInt, Field(ge=0, le=20)] = 3
    too_old_min: Annotated[StrictInt, Field(ge=1, le=1440)] = 60

    @model_validator(mode="after")
    def _goes_on(self) -> Policy:
        minutes = [one.after_min for one in self.steps]
        if minutes[0] != 0 or any(later <= one for one, later in pairwise(minutes)):
            raise ValueError("the first step is after_min 0, each other later than the one before it")
        return self


class ChannelBook(_Part):
    """The file whole. Without a channel nothing leaves the house, and no alarm calls anybody."""

    alarms: Policy
    people: Annotated[list[Person], Field(max_length=500)] = []
    channels: Annotated[list[Channel], Field(max_length=30)] = []

    def complaints(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong between its parts: where, and why."""
        seen: set[str] = set()
        for number, one in enumerate(self.channels):
            if one.id in seen:
                yield ("channels", number, "id"), f"{one.id} stands here twice"
            seen.add(one.id)
        names: set[str] = set()
        for number, person in enumerate(self.people):
            if person.name in names:
                yield ("people", number, "name"), f"{person.name} stands here twice"
            names.add(person.name)

    def of(self, unit: str) -> list[DingTalk | WeCom | Feishu | Sms | Smtp]:
        """The channels by which a unit's alarms go out."""
        return [one for one in self.channels if unit in one.units]

    def units(self) -> list[str]:
        """Every unit whose alarms go out."""
        return list(dict.fromkeys(unit for one in self.channels for unit in one.units))

    def channel(self, channel_id: str) -> DingTalk | WeCom | Feishu | Sms | Smtp | None:
        return next((one for one in self.channels if one.id == channel_id), None)

    def leaders(self, unit: str) -> list[str]:
        """The leaders of a unit's bureau, by name."""
        return [one.name for one in self.people if unit in one.leads]

    def person(self, name: str) -> Person | None:
        return next((one for one in self.people if one.name == name), None)


#: A desk without a file of channels: nothing goes out.
NO_CHANNELS = ChannelBook(alarms=Policy(raised_for=[], steps=[Step(to="on_duty", after_min=0)]))
