"""What an experiment needs of the machine, and how to get it: by name, what is lacking, or None."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from tests import powercut
from tests.servers import find_postgres, find_redis

SYSTEM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")

#: Programs, and Debian's packages that bring them.
PACKAGES = {
    "strace": "strace",
    "nft": "nftables",
    "ip": "iproute2",
    "fiu-run": "fiu-utils",
    "faketime": "faketime",
    "mkfs.ext4": "e2fsprogs",
    "chromium": "chromium",
}


def program(name: str) -> str | None:
    return shutil.which(name, path=SYSTEM_PATH)


def _root() -> str | None:
    return None if os.geteuid() == 0 else "it needs root"


def _namespaces() -> str | None:
    if lacking := _root():
        return lacking
    name = f"fenghuo-try-{os.getpid()}"
    made = subprocess.run([program("ip") or "ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        return f"no network namespaces here: {made.stderr.strip()}"
    subprocess.run([program("ip") or "ip", "netns", "delete", name], check=True)
    return None


def _tmpfs() -> str | None:
    return _root()


NEEDS: dict[str, Callable[[], str | None]] = {
    "postgresql": lambda: None if find_postgres() else "no PostgreSQL here",
    "redis": lambda: None if find_redis() else "no Redis here",
    "namespaces": _namespaces,
    "power": powercut.why_not,
    "tmpfs": _tmpfs,
    **{name: (lambda name=name: None if program(name) else f"no {name} here") for name in PACKAGES},  # type: ignore[misc]
}


def lacking(needs: Iterable[str], *, may_install: bool) -> list[str]:
    """What this machine lacks for an experiment, after getting what an administrator may get."""
    missing = [PACKAGES[name] for name in needs if name in PACKAGES and program(name) is None]
    if missing and may_install and os.geteuid() == 0 and program("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for asked in (["update"], ["-y", "install", "--no-install-recommends", *missing]):
            subprocess.run(
                ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *asked],
                env=environment, check=False, capture_output=True,
            )  # fmt: skip
    return [words for name in needs if (words := NEEDS[name]()) is not None]
