"""Attachments: what was received, and its bytes in pieces"""

import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachment_file",
        sa.Column("attachment_id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("preview_sha256", sa.String(length=64), nullable=True),
        sa.Column("preview_size", sa.Integer(), nullable=True),
        sa.Column("about", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_attachment_file")),
    )
    op.create_index("ix_attachment_file_incident_id", "attachment_file", ["incident_id"])
    op.create_index("ix_attachment_file_person_id", "attachment_file", ["person_id"])
    op.create_table(
        "attachment_piece",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "place", name=op.f("pk_attachment_piece")),
    )


def downgrade() -> None:
    for table in ("attachment_piece", "attachment_file"):
        op.drop_table(table)
