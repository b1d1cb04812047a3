"""Duties: rosters, handovers and roll-calls. Entries may belong to a unit instead of an incident."""

import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

HAS_SUBJECT = sa.text("subject IS NOT NULL")


def upgrade() -> None:
    op.add_column("entry", sa.Column("subject", sa.String(length=48), nullable=True))
    op.create_index(
        "ix_entry_subject", "entry", ["subject"], sqlite_where=HAS_SUBJECT, postgresql_where=HAS_SUBJECT
    )
    op.create_table(
        "duty",
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.Column("rostered", sa.Boolean(), nullable=False),
        sa.Column("shift_id", sa.String(length=36), nullable=True),
        sa.Column("since", UTCDateTime(), nullable=True),
        sa.Column("next_alarm_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("unit", name=op.f("pk_duty")),
    )
    op.create_index("ix_duty_next_alarm_at", "duty", ["next_alarm_at"])
    op.create_table(
        "shift",
        sa.Column("shift_id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("starts_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=False),
        sa.Column("posts", sa.Text(), nullable=False),
        sa.Column("leader", sa.Text(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("taken_at", UTCDateTime(), nullable=True),
        sa.Column("taken_by", sa.String(), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shift_id", name=op.f("pk_shift")),
    )
    op.create_index("ix_shift_unit_starts_at", "shift", ["unit", "starts_at"])
    op.create_table(
        "roll_answer",
        sa.Column("roll_id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("caller", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("answer_by", UTCDateTime(), nullable=False),
        sa.Column("unanswered_at", UTCDateTime(), nullable=True),
        sa.Column("answered_at", UTCDateTime(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("delay_s", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=True),
        sa.Column("missed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("roll_id", "unit", name=op.f("pk_roll_answer")),
    )
    op.create_index("ix_roll_answer_caller_asked_at", "roll_answer", ["caller", "asked_at"])
    op.create_index("ix_roll_answer_unit_asked_at", "roll_answer", ["unit", "asked_at"])


def downgrade() -> None:
    for table in ("roll_answer", "shift", "duty"):
        op.drop_table(table)
    op.drop_index("ix_entry_subject", "entry")
    op.drop_column("entry", "subject")
