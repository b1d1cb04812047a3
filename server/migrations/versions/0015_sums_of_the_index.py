"""Of each tag of the index which blocks have it at all, so that a search passes over the others

The running desk makes them of what there is (`server.record.find_sums`); until then a search reads every
block as before. A process of the version before goes on without them, and `summed` tells.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("find_head", sa.Column("summed", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.execute("DELETE FROM find_mark WHERE block < 0")
    op.drop_column("find_head", "summed")
