"""The pages: what a person with a browser sees."""
