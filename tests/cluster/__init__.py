"""Three nodes as processes, what clients and endpoints saw of them, and whether that was right."""
