"""What is wrong with a deployment, as a client sees it from outside: `hubbub doctor`.

It connects to any Pusher server as clients and applications' servers do, and names each fault that it finds, what was
seen, what that means, and what mends it.
"""
