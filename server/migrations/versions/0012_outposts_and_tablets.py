"""Outposts in the field, what they hand on, and tablets that are known here

`upward` is filled only by a desk that was started with an upstream. A process of the version before writes
none of these, and its sessions are on no known tablet.
"""

import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "upward",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("command_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("person_name", sa.String(length=255), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("device_skew_ms", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("settled_at", UTCDateTime(), nullable=True),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("word", sa.String(length=60), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_upward")),
        sa.UniqueConstraint("command_id", name=op.f("uq_upward_command_id")),
    )
    op.create_index("ix_upward_state_position", "upward", ["state", "position"])
    op.create_table(
        "outpost_person",
        sa.Column("credential_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["credential_id"], ["credential.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("credential_id", "person_id", name=op.f("pk_outpost_person")),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("public_key", sa.String(length=200), nullable=False),
        sa.Column("enrolled_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.Column("revoked_by", sa.String(length=255), nullable=True),
        sa.Column("told_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
    )
    op.create_index("ix_device_person_id", "device", ["person_id"])
    op.add_column("credential", sa.Column("device_id", sa.String(length=36), nullable=True))
    op.create_index("ix_credential_device_id", "credential", ["device_id"])


def downgrade() -> None:
    op.drop_index("ix_credential_device_id", "credential")
    op.drop_column("credential", "device_id")
    for table in ("device", "outpost_person", "upward"):
        op.drop_table(table)
