"""The signed HTTP API, as back ends use it."""
