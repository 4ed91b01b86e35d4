"""One node: ties what this process knows (hub) to what the cluster knows (engine)."""
