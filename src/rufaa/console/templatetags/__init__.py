"""Django's name for the folder of what templates can write."""
