"""The JSON API of accounts: who signs in, what they own, and publishing without a signature.

Knows HTTP, its parameters and its documents. Who may do what is decided by the accounts; what a message does, by the
node.
"""
