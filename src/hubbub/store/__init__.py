"""What is kept in the database, SQLite or PostgreSQL. Nothing outside this folder imports SQLAlchemy or Alembic."""

from hubbub.store.database import is_sqlite, missing_file
from hubbub.store.keys import keys_of
from hubbub.store.schema import migrate
from hubbub.store.store import Store

__all__ = ["Store", "is_sqlite", "keys_of", "migrate", "missing_file"]
