"""The engine of a cluster on Redis or Valkey: a single server, one watched by Sentinels, or a Redis Cluster."""
