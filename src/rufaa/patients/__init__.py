"""The particulars that a referral needs of a patient. No diagnosis: that belongs to the referral."""
