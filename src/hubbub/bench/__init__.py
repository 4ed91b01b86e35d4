"""A benchmark of any server of Pusher Channels, seen from outside. It shares no code with ours but signatures."""
