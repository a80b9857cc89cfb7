"""Facilities, the people in them and their roles, M-Pesa accounts, and what a referral costs."""
