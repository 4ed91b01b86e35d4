"""What happens at an application, and why: watched as it happens, looked up afterwards, and who is connected now."""
