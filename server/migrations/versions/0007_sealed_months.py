"""Sealed months: what a unit's figures were when it closed its books."""

import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "month_seal",
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("sealed_at", UTCDateTime(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", sa.String(length=64), nullable=True),
        sa.Column("final_met", sa.Integer(), nullable=False),
        sa.Column("final_of", sa.Integer(), nullable=False),
        sa.Column("initial_met", sa.Integer(), nullable=False),
        sa.Column("initial_of", sa.Integer(), nullable=False),
        sa.Column("incidents", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("unit", "month", name=op.f("pk_month_seal")),
    )


def downgrade() -> None:
    op.drop_table("month_seal")
