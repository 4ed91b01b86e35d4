"""The compiled module and its Python twin, one by one and side by side."""
