"""One client's rules: its commands become calls on the node, its refusals become words of its protocol."""
