"""A start that finds the schema up to date does not read alembic: it must mean the same by "up to date"."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from server.migrations import HERE, newest_step

START = """
import sys
from pathlib import Path
from server.migrations import open_database
from server.settings import Settings
open_database(Settings(data=Path(sys.argv[1]))).close()
print("alembic" in sys.modules)
"""


def test_the_newest_file_is_the_step_that_alembic_ends_with() -> None:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    assert newest_step() == ScriptDirectory.from_config(config).get_current_head()


def test_only_a_start_that_has_steps_to_take_reads_alembic(tmp_path: Path) -> None:
    def start() -> str:
        done = subprocess.run([sys.executable, "-c", START, str(tmp_path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert [start(), start()] == ["True", "False"]
