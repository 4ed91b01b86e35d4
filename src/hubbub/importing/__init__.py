"""Applications as other servers wrote them down, read.

Knows: the files of soketi, Laravel Reverb, ExPusherLite and of Pusher's own libraries, and what each thing in them is
called here. Does not know what is done with what was read: `accounts` does.
"""
