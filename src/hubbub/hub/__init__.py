"""Who listens to what in this process, and the delivery to them. Synchronous: no await, no clock, no I/O."""
