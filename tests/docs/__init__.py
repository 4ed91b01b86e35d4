"""The documents keep their word: their code runs, their links lead somewhere, their tables are those of the source."""
