"""Clinics, their slots, and who is expected when: no slot is promised twice, and paid money meets a place."""
