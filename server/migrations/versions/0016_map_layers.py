"""Layers of the map that operators bring in

A process of the version before knows nothing of them and shows none.
"""

import sqlalchemy as sa
from alembic import op

from server.record.columns import UTCDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "map_layer",
        sa.Column("layer_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("approval", sa.String(length=60), nullable=True),
        sa.Column("datum", sa.String(length=10), nullable=False),
        sa.Column("below", sa.Boolean(), nullable=False),
        sa.Column("as_of", sa.String(length=40), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("made_by", sa.String(length=255), nullable=False),
        sa.Column("made_at", UTCDateTime(), nullable=False),
        sa.Column("removed_by", sa.String(length=255), nullable=True),
        sa.Column("removed_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("layer_id", "version", name=op.f("pk_map_layer")),
    )
    op.create_index("ix_map_layer_unit", "map_layer", ["unit"])


def downgrade() -> None:
    op.drop_table("map_layer")
