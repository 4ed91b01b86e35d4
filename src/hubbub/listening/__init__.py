"""Where a server is reached: its sockets, and the certificate that it shows there."""
