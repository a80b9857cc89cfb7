"""A referral's way from the doctor to the outcome. Knows payments; payments does not know it."""
