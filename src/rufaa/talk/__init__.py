"""What the two facilities of a referral say to each other about it, and the files that they show each other."""
