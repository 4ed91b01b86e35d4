"""The pages, in a browser, of a live server."""
