"""A mark for the county that an incident's place lies in: one row of a block instead of one for each township

The marks there are were made of the places' own, so nothing has to be read again. A process of the version
before goes on taking in without them; `areas` says how far they are complete, and the running desk makes good
what is missing (`server.record.cataloguing`). Until then lists are narrowed by the townships as before.
"""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from server.record.catalogue import packed, unpacked

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MARK = sa.table("catalogue_mark", sa.column("tag"), sa.column("block"), sa.column("members"))
HEAD = sa.table("catalogue_head", sa.column("seq"), sa.column("areas"))


def upgrade() -> None:
    connection = op.get_bind()
    connection.execute(sa.select(HEAD.c.seq).with_for_update()).all()  # nobody takes in meanwhile
    areas: defaultdict[tuple[str, int], int] = defaultdict(int)
    places = sa.select(MARK).where(sa.func.substr(MARK.c.tag, 1, 1) == "p")
    for tag, block, members in connection.execute(places):
        areas["a" + tag[1:7], block] |= unpacked(bytes(members))
    rows = [
        {"tag": tag, "block": block, "members": packed(members)} for (tag, block), members in areas.items()
    ]
    if rows:
        connection.execute(sa.insert(MARK), rows)
    op.add_column("catalogue_head", sa.Column("areas", sa.BigInteger(), nullable=False, server_default="0"))
    connection.execute(sa.update(HEAD).values(areas=HEAD.c.seq))


def downgrade() -> None:
    op.execute("DELETE FROM catalogue_mark WHERE substr(tag, 1, 1) = 'a'")
    op.drop_column("catalogue_head", "areas")
