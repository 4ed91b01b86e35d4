"""The administration: what root users see and do, everything there is."""
