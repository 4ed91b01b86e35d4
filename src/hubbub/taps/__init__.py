"""What is told of what happens at applications, to whoever looks; nothing while nobody does."""
