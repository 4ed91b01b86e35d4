"""Traces by OpenTelemetry: from a publish over the engine and its delivery on each node to a webhook.

An extra: without it, or without a collector, none of this is imported, and nothing else of Hubbub knows of it.
"""
