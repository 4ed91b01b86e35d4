"""Webhooks: an application's own server hears what happens in its channels, whatever breaks in between."""
