"""What Hubbub is made of that others wrote: listed, licensed, and asked about."""
