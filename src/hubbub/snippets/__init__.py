"""The lines to paste that use an application: to listen, to publish, to let into private channels."""
