"""Messages on their way out of the house, and what a duty's row says of its alarms and channels."""

import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("alarm_id", sa.String(length=36), nullable=True),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("recipient_name", sa.Text(), nullable=False),
        sa.Column("mentions", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UTCDateTime(), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("leased_until", UTCDateTime(), nullable=True),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_outbox_dedup_key")),
    )
    op.create_index("ix_outbox_state_next_at", "outbox", ["state", "next_at"])
    op.create_index("ix_outbox_unit_created_at", "outbox", ["unit", "created_at"])
    op.create_index("ix_outbox_alarm_id", "outbox", ["alarm_id"])
    for name in ("alarms", "silent"):
        op.add_column("duty", sa.Column(name, sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    for name in ("alarms", "silent"):
        op.drop_column("duty", name)
    op.drop_table("outbox")
