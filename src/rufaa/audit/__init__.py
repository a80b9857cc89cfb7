"""Every write and every reading of a patient's record: entries that only grow, sealed into a chain of hashes."""
