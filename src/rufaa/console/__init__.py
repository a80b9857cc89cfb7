"""Pages for people: the front door, which says what runs here, and the pages on which staff work."""
