"""The books: one row a transfer, written by the triggers of ``payments``, never changed."""
