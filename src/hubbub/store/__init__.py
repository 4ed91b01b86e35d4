"""What is kept in the database, SQLite or PostgreSQL. Nothing outside this folder imports SQLAlchemy or Alembic."""
