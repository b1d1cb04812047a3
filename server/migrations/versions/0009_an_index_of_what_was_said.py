"""An index of what the log says, by which anything is found

It is filled by the running desk, step by step (`server.record.find_index`), and may be emptied at any time
(`fenghuo index rebuild`). A process of the version before neither reads nor writes it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "find_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_find_head")),
    )
    op.create_table(
        "find_mark",
        sa.Column("tag", sa.String(length=90), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tag", "block", name=op.f("pk_find_mark")),
    )


def downgrade() -> None:
    for table in ("find_mark", "find_head"):
        op.drop_table(table)
