"""What is counted of each application over time: gathered here, kept in the database, at falling resolution."""
