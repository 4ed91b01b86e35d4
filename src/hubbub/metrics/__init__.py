"""What an operator sees of Hubbub: a table of metrics, and where their values come from when they are asked for."""
