"""The index of what the log says begins anew: what is said in several kinds at once stands apart

Its tags have other meanings from here on (`server.record.find_index`). The running desk fills it again by
itself; until then a search looks at the newest entries and says that it is not complete.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _empty()


def downgrade() -> None:
    _empty()


def _empty() -> None:
    for table in ("find_mark", "find_head"):
        op.execute(f"DELETE FROM {table}")  # noqa: S608 (two names of ours)
