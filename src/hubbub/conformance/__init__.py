"""A black-box suite for any server of Pusher Channels. It shares no code with ours but signatures and names."""
