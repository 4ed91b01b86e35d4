"""What Alembic runs: the migrations, on the connection that `hubbub.store.schema` opened."""

from alembic import context

from hubbub.store.models import Row

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Row.metadata,
    render_as_batch=connection.dialect.name == "sqlite",  # which cannot alter a table, only rebuild it
)
context.run_migrations()
