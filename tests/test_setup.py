"""From nothing to a running desk: what is installed is pinned, and whoever is stopped is told what to do."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-test.lock", "requirements-servers.lock")

# The oldest release without a known hole that matters here.
FLOORS = {
    "starlette": "1.3.1",  # CVE-2026-48710, -54282, -54283
    "python-multipart": "0.0.31",  # CVE-2026-53539 and the negative Content-Length after it
    "h11": "0.16",  # CVE-2025-43859
    "jinja2": "3.1.6",  # CVE-2025-27516
    "pysqlite3": "0.6.1",  # brings a SQLite without the WAL-reset bug
}


def pins(lock: str) -> dict[str, list[tuple[str, list[str]]]]:
    """name -> [(version, hashes)]; a package may be pinned twice for different Pythons."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    text = re.sub(r"\\\n\s*", " ", (ROOT / lock).read_text())
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"([a-z0-9.-]+)==([^\s;]+)(.*)", line)
        assert match, f"{lock}: not a pinned requirement: {line!r}"
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", match[3])
        found.setdefault(match[1], []).append((match[2], hashes))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_by_version_and_hash(lock: str):
    for name, versions in pins(lock).items():
        for version, hashes in versions:
            assert hashes, f"{lock}: {name} {version} has no hash"


@pytest.mark.parametrize("lock", LOCKS)
def test_the_pins_name_no_host_and_no_place(lock: str):
    text = (ROOT / lock).read_text()
    for forbidden in ("://", "--index-url", "--extra-index-url", "--find-links", "file:", "git+"):
        assert forbidden not in text


def test_the_tests_run_on_the_very_packages_that_are_served():
    tested = pins("requirements-test.lock")
    for name, versions in pins("requirements.lock").items():
        assert tested.get(name) == versions, name


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_nothing_with_a_known_hole_is_installed(name: str, floor: str):
    for version, _hashes in pins("requirements.lock")[name]:
        assert Version(version) >= Version(floor)


def test_everything_the_product_asks_for_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {"requirements.lock": project["dependencies"] + project["optional-dependencies"]["build"]}
    asked["requirements-test.lock"] = project["optional-dependencies"]["test"]
    asked["requirements-servers.lock"] = project["optional-dependencies"]["servers"]
    for lock, requirements in asked.items():
        pinned = pins(lock)
        for requirement in requirements:
            name = re.split(r"[\[>=<]", requirement)[0].lower().replace("_", "-")
            assert name in pinned, f"{lock} does not pin {requirement}: run scripts/lock"


@pytest.mark.parametrize("script", ["setup", "run", "test", "lock"])
def test_every_script_is_runnable_and_says_what_it_is_for(script: str):
    path = ROOT / "scripts" / script
    assert path.stat().st_mode & 0o111
    head = path.read_text().splitlines()
    assert head[0] == "#!/usr/bin/env bash"
    assert head[1].startswith("# ")
    assert "set -euo pipefail" in head
    assert subprocess.run(["bash", "-n", path]).returncode == 0


def test_ci_runs_the_tests_and_nothing_else():
    commands = [
        line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert commands[-1] == "exec scripts/test"
    assert len(commands) == 2  # the other one goes to the checkout
    assert commands[0].startswith("cd ")


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": "/nonexistent"}
    return subprocess.run(
        command, env=clean | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=50
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the scripts and the pins and nothing set up."""
    for name in ("scripts", *LOCKS, "pyproject.toml"):
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    return tmp_path


def test_setup_without_a_python_says_how_to_get_one(checkout: Path):
    stopped = run(checkout / "scripts" / "setup", FENGHUO_PYTHON="no-such-python")
    assert stopped.returncode == 1
    assert "no Python 3.11 or newer" in stopped.stderr
    assert "Remedy: Debian 12 or newer: apt-get install python3 python3-venv" in stopped.stderr


def test_setup_passes_over_a_python_that_only_pretends(checkout: Path, tmp_path: Path):
    """Version managers put stand-ins on PATH that refuse to run."""
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    stopped = run(checkout / "scripts" / "setup", FENGHUO_PYTHON=str(old))
    assert stopped.returncode == 1
    assert "Remedy:" in stopped.stderr


def test_setup_whose_packages_cannot_be_had_says_why_and_leaves_nothing_half_done(checkout: Path):
    empty = checkout / "wheels"
    empty.mkdir()
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(empty), "PIP_CONFIG_FILE": "/dev/null"}
    stopped = run(checkout / "scripts" / "setup", FENGHUO_PYTHON=sys.executable, **offline)
    assert stopped.returncode == 1
    assert "the packages could not be installed" in stopped.stderr
    assert "Remedy: no answer from the package registry" in stopped.stderr
    again = run(checkout / "scripts" / "setup", FENGHUO_PYTHON=sys.executable, **offline)
    assert "starting over" in again.stderr


def test_setup_again_changes_nothing_and_says_nothing():
    before = (ROOT / ".venv" / "installed" / "requirements.lock").stat().st_mtime_ns
    again = run(ROOT / "scripts" / "setup")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert (ROOT / ".venv" / "installed" / "requirements.lock").stat().st_mtime_ns == before


def test_setup_refuses_a_part_it_does_not_know():
    stopped = run(ROOT / "scripts" / "setup", "everything")
    assert stopped.returncode == 1
    assert "Remedy: scripts/setup [tests] [servers]" in stopped.stderr


def test_run_on_a_port_that_is_taken_says_so_before_it_starts_anything(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stopped = run(ROOT / "scripts" / "run", "--port", str(port), "--data", str(tmp_path / "desk"))
    assert stopped.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in stopped.stderr
    assert f"Remedy: another port: FENGHUO_PORT={port + 1} scripts/run" in stopped.stderr
    assert not (tmp_path / "desk").exists()


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"FENGHUO_PORT": "eight"}, "'eight' is no port number"),
        ({"FENGHUO_HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
    ],
)
def test_run_with_an_address_that_cannot_be_says_so(setting: dict[str, str], problem: str):
    stopped = run(ROOT / "scripts" / "run", **setting)
    assert stopped.returncode == 1
    assert problem in stopped.stderr
    assert "Remedy:" in stopped.stderr
