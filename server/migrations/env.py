"""What alembic runs: on the connection that `migrate` hands over, or on the URL given with -x url=…"""

from alembic import context
from sqlmodel import SQLModel

import server.people.accounts
import server.record.attachments
import server.record.drafts
import server.record.map_layers
import server.record.outbox
import server.record.tables  # noqa: F401 (all of them fill the metadata)
from server.record.database import Database


def run(connection) -> None:  # type: ignore[no-untyped-def]
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=False,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    with Database(context.get_x_argument(as_dictionary=True)["url"]).writing() as fresh:
        run(fresh)
