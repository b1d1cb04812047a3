"""What a unit's desk has arranged for its wall screens

It is an entry of its duty, which a process of the version before does not know: arrange when all are new.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("duty", sa.Column("wall", sa.Text(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("duty", "wall")
