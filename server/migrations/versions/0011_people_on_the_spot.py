"""How many people are on the spot of an incident and inside, and which requests for help wait

No incident of before has anybody there: nothing has to be counted again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident_field",
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("deployed", sa.Integer(), nullable=False),
        sa.Column("inside", sa.Integer(), nullable=False),
        sa.Column("discrepancy", sa.Integer(), nullable=False),
        sa.Column("open_help", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_incident_field")),
    )


def downgrade() -> None:
    op.drop_table("incident_field")
