"""The picture in the README holds, and so do the rules of the house that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("schemas", "server")


def committed_files() -> list[Path]:
    """What git keeps or would keep; without git (a tarball), everything that is not plainly made here."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(part.startswith(".") or part == "data" for part in path.relative_to(ROOT).parts[:-1])
        ]
    return sorted(path for path in paths if path.is_file())


def is_vendored(path: Path) -> bool:
    return "vendor" in path.relative_to(ROOT).parts


def layers() -> list[list[str]]:
    """The README's ```layers block: one list of modules per line, the lowest first."""
    block = re.search(r"```layers\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block, "README.md has lost its ```layers block"
    return [line.split() for line in block[1].splitlines() if line.strip()]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place_of(module: str, places: dict[str, int]) -> str | None:
    """The entry of the picture a module belongs to: itself, or the nearest package above it."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in places:
            return name
    return None


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every module a file names in an import, wherever in the file it does so."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:  # `from server import hub` names server.hub
                yield node.lineno, f"{base}.{alias.name}"


def product_files() -> list[Path]:
    return [path for top in PRODUCT for path in sorted((ROOT / top).rglob("*.py"))]


def misdirected(path: Path, module: str, places: dict[str, int]) -> list[str]:
    wrong = []
    own = place_of(module, places)
    assert own is not None
    for line, name in sorted(imports_of(path)):
        if name.split(".")[0] not in PRODUCT:
            continue
        theirs = place_of(name, places)
        if theirs is not None and theirs != own and places[theirs] >= places[own]:
            wrong.append(f"{module}:{line} imports {name}")
    return wrong


def test_imports_only_run_the_way_the_readme_draws_them():
    places = {name: height for height, line in enumerate(layers()) for name in line}
    homeless, wrong = [], []
    for path in product_files():
        module = module_name(path)
        if module in PRODUCT:  # the packages' own doors: empty but for the version
            continue
        if place_of(module, places) is None:
            homeless.append(module)
        else:
            wrong += misdirected(path, module, places)
    assert not homeless, f"modules without a place in README.md's picture: {homeless}"
    assert not wrong, "imports against the picture:\n" + "\n".join(wrong)


def test_inside_a_package_too_no_module_imports_one_that_needs_it():
    names = {module_name(path): path for path in product_files()}
    needs = {
        module: {
            known
            for _line, name in imports_of(path)
            if (known := name if name in names else name.rpartition(".")[0]) in names and known != module
        }
        for module, path in names.items()
    }
    try:
        list(TopologicalSorter(needs).static_order())
    except CycleError as circle:
        pytest.fail(" <- ".join(circle.args[1]))


def test_everything_in_the_picture_exists():
    for name in (name for line in layers() for name in line):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or path.is_dir(), f"README.md draws {name}; where is it?"


def test_an_import_against_the_picture_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    upward = tmp_path / "server" / "hub.py"
    upward.parent.mkdir()
    upward.write_text(
        "def later():\n    from server import desk\nfrom .app import App\nimport server.store\nimport json\n"
    )
    places = {"server.store": 0, "server.hub": 1, "server.desk": 2, "server.app": 3}
    assert misdirected(upward, "server.hub", places) == [
        "server.hub:2 imports server.desk",
        "server.hub:3 imports server.app.App",
    ]


# What would make domain code depend on more than its arguments.
WORLD = {
    "alembic", "asyncio", "httpx2", "pathlib", "psycopg", "pysqlite3", "random", "redis", "secrets",
    "socket", "sqlalchemy", "sqlite3", "sqlmodel", "starlette", "subprocess", "threading", "time", "uvicorn",
    "websockets",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today"}


def test_domain_code_gets_the_time_and_the_rules_as_arguments():
    wrong = []
    for path in sorted((ROOT / "server" / "domain").rglob("*.py")):
        wrong += [
            f"{path.name}:{line} imports {name}"
            for line, name in imports_of(path)
            if name.split(".")[0] in WORLD
        ]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS and isinstance(node.value, ast.Name):
                if node.value.id in ("datetime", "date"):
                    wrong.append(f"{path.name}:{node.lineno} reads the clock")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                wrong.append(f"{path.name}:{node.lineno} opens a file")
    assert not wrong, "\n".join(wrong)


CODE = {".py", ".html", ".css", ".js", ".sh", ""}


def test_no_file_is_longer_than_can_be_read_in_one_sitting():
    long = []
    for path in committed_files():
        if path.suffix in CODE and path.name != "LICENSE" and not is_vendored(path):
            if (lines := len(path.read_bytes().splitlines())) > 500:
                long.append(f"{path.relative_to(ROOT)}: {lines} lines")
    assert not long, long


def test_modules_are_named_after_the_one_thing_in_them():
    vague = {"util", "utils", "helper", "helpers", "manager", "common", "misc", "data", "info", "handle"}
    assert [str(path) for path in product_files() if path.stem in vague] == []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


# Written in pieces, so that this file names none of them.
REGISTRY_HOSTS = [
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"),
        ("deb", "debian", "org"), ("pypi", "tuna", "tsinghua"), ("npmmirror", "com"),
        ("mirrors", "aliyun", "com"),
    )
]  # fmt: skip
MACHINE_PATHS = ["/" + "work/", "/" + "root/", "/" + "home/", "/" + "tmp/fh"]


@pytest.mark.parametrize("forbidden", REGISTRY_HOSTS + MACHINE_PATHS)
def test_no_line_of_the_repository_names_a_registry_or_a_place_of_one_machine(forbidden: str):
    named = [
        str(path.relative_to(ROOT))
        for path in committed_files()
        if forbidden in _text(path) and not (is_vendored(path) and forbidden in MACHINE_PATHS)
    ]
    assert named == []


def test_tests_wait_for_conditions_and_never_for_a_while():
    sleeping = [
        f"{path.name}:{number}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path.name not in ("waiting.py", "test_architecture.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"\bsleep\(", line)
    ]
    assert sleeping == [], "use tests.waiting.eventually"


def test_every_module_is_drawn_once():
    drawn = [name for line in layers() for name in line]
    assert len(drawn) > 10
    assert sorted(drawn) == sorted(set(drawn))
