"""Embeds: what a token of a frame may show, and whose pages may frame it

There were none before: nothing has to be counted again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("credential", sa.Column("panels", sa.String(length=200), nullable=True))
    op.add_column("credential", sa.Column("origins", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("credential") as table:
        table.drop_column("origins")
        table.drop_column("panels")
