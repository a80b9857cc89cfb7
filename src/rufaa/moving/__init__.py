"""What was brought here from another app: its export, read with care, and each document kept as it was."""
