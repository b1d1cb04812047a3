"""Files on their way in pieces lie in the database, where every machine finds them

And an outpost notes under which epoch the desk above had each command. A process of the version before keeps
such files in a folder of its own machine: one that was on its way begins anew.
"""

import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("attachment_id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("there", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "attachment_id", name=op.f("pk_upload")),
    )
    op.create_table(
        "upload_piece",
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("attachment_id", sa.String(length=36), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "attachment_id", "start", name=op.f("pk_upload_piece")),
    )
    op.add_column("upward", sa.Column("epoch", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("upward", "epoch")
    op.drop_table("upload_piece")
    op.drop_table("upload")
