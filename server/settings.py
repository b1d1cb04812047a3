"""What differs between a laptop, a test and a duty room. Each flag is an environment variable too."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process runs. `database_url` None: the embedded SQLite file in `data`."""

    host: str = "127.0.0.1"
    port: int = 8000
    data: Path | None = None
    database_url: str | None = None
    redis_url: str | None = None
    config: Path | None = None
    origins: tuple[str, ...] = field(default_factory=tuple)
    secure: bool = False
    trusted_proxies: tuple[str, ...] = field(default_factory=tuple)
    """Addresses or networks whose word on the client's address and on HTTPS is taken; nobody's otherwise."""
    upstream: str | None = None
    """The desk above, of a desk that works in the field and hands on to it (`server/outward/upward.py`)."""
    upstream_token_file: Path | None = None
    upstream_ca: Path | None = None
    tablet_lock_minutes: int = 5
    tablet_pin_digits: int = 4
    tablet_recovery_key: str = ""  # the public half, as it stands on tablets
    """A field tablet that nobody touches locks after so long; its person may choose fewer, never more."""
    rates_from: int = 5
    """Of fewer incidents statistics say how many, and no rate: 1 of 2 is no 50 %."""

    @property
    def look_s(self) -> float:
        """How often a process looks for what others wrote: where others write, within a second."""
        return 0.75 if self.database_url else 2.0

    @property
    def upstream_token(self) -> Path:
        """The file with the outpost's secret: in its data folder unless said otherwise."""
        if self.upstream_token_file is not None:
            return self.upstream_token_file
        return (self.data or Path()) / "upstream.token"

    @property
    def config_folder(self) -> Path | None:
        """Where the operator's rules and unit file lie; None: those that the product came with."""
        if self.config is not None:
            return self.config
        return None if self.data is None else self.data / "config"

    def own_origins(self) -> tuple[str, ...]:
        """The origins that our own pages have: those configured, else this machine's names with our port."""
        if self.origins:
            return self.origins
        names = {"127.0.0.1", "localhost", "[::1]"}
        if self.host not in ("0.0.0.0", "::", ""):  # noqa: S104 (compared, not bound)
            names.add(f"[{self.host}]" if ":" in self.host else self.host)
        else:
            names |= _addresses()
        origins = {f"http://{name}:{self.port}" for name in names}
        if self.port == 80:
            origins |= {f"http://{name}" for name in names}
        return tuple(sorted(origins))


def network(text: str) -> str:
    """An address or a network (10.0.0.0/24) as uvicorn takes it; what is neither is refused at the start."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"not an address or network: {text!r}; write 127.0.0.1 or 10.0.0.0/24") from None
    return text


def _addresses() -> set[str]:
    """The names and addresses under which others on the network may reach this machine."""
    import socket

    names = {socket.gethostname(), socket.getfqdn()}
    try:
        for *_rest, address in socket.getaddrinfo(socket.gethostname(), None):
            text = str(address[0])
            names.add(f"[{text}]" if ":" in text else text)
    except OSError:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks the kernel which address it would use
            names.add(probe.getsockname()[0])
        except OSError:
            pass
    return {name for name in names if name and "%" not in name}
