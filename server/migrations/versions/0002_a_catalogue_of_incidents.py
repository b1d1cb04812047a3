"""A catalogue by which lists and searches find incidents, and an index of obligations by what came of them

It is filled by the running desk, step by step (`server.record.cataloguing`): until it has caught up, lists
read the incidents' own rows as before. A process of the version before neither reads nor writes it; what
that writes is taken in from the log.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OUTCOME = (
    "(CASE WHEN excused IS NOT NULL THEN 3 WHEN met_at IS NULL THEN 0 "
    "WHEN due_at IS NULL OR met_at <= due_at THEN 1 ELSE 2 END)"
)


def upgrade() -> None:
    op.create_table(
        "catalogue_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_head")),
    )
    op.create_table(
        "catalogue_place",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_catalogue_place")),
        sa.UniqueConstraint("incident_id", name=op.f("uq_catalogue_place_incident_id")),
    )
    op.create_table(
        "catalogue_mark",
        sa.Column("tag", sa.String(length=90), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tag", "block", name=op.f("pk_catalogue_mark")),
    )
    op.create_index(op.f("ix_catalogue_mark_block"), "catalogue_mark", ["block"])
    op.execute(f"CREATE INDEX ix_obligation_outcome ON obligation ({OUTCOME}, due_at, obligation_id)")


def downgrade() -> None:
    op.drop_index("ix_obligation_outcome", "obligation")
    for table in ("catalogue_mark", "catalogue_place", "catalogue_head"):
        op.drop_table(table)
