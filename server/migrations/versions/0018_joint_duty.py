"""Joint duties: the periods, their seats, what is handed in and what one asks another

None was opened before: nothing has to be counted again.
"""

import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "joint_duty",
        sa.Column("period_id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("starts_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=False),
        sa.Column("opened_at", UTCDateTime(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("ran_out", sa.Boolean(), nullable=False),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.Column("closed_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("unit", "period_id", name=op.f("pk_joint_duty")),
    )
    op.create_index("ix_joint_duty_unit_ends_at", "joint_duty", ["unit", "ends_at"])
    op.create_table(
        "joint_seat",
        sa.Column("period_id", sa.String(length=36), nullable=False),
        sa.Column("seat", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("phone", sa.String(length=60), nullable=True),
        sa.Column("since", UTCDateTime(), nullable=True),
        sa.Column("empty_since", UTCDateTime(), nullable=True),
        sa.Column("noted_at", UTCDateTime(), nullable=True),
        sa.Column("last", sa.Text(), nullable=True),
        sa.Column("rest", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("unit", "period_id", "seat", name=op.f("pk_joint_seat")),
    )
    op.create_index("ix_joint_seat_seat", "joint_seat", ["seat"])
    op.create_table(
        "joint_data",
        sa.Column("data_id", sa.String(length=36), nullable=False),
        sa.Column("period_id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("seat", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("every_min", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("handed_at", UTCDateTime(), nullable=True),
        sa.Column("handed_by", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("stopped_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("unit", "period_id", "data_id", name=op.f("pk_joint_data")),
    )
    op.create_table(
        "joint_request",
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("period_id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("asked_by", sa.String(length=40), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("to_unit", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("take_by", UTCDateTime(), nullable=False),
        sa.Column("answer_by", UTCDateTime(), nullable=False),
        sa.Column("taken_at", UTCDateTime(), nullable=True),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("answered_at", UTCDateTime(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("late_take", sa.Boolean(), nullable=False),
        sa.Column("late_answer", sa.Boolean(), nullable=False),
        sa.Column("chased", sa.Integer(), nullable=False),
        sa.Column("chased_text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("unit", "period_id", "request_id", name=op.f("pk_joint_request")),
    )
    op.create_index(
        "ix_joint_request_unit_period_id_asked_at", "joint_request", ["unit", "period_id", "asked_at"]
    )


def downgrade() -> None:
    for table in ("joint_request", "joint_data", "joint_seat", "joint_duty"):
        op.drop_table(table)
