"""Letters to people: written, and sent by a mail server or put into a folder."""
