"""Pages for people: for now the front door, which says what runs here."""
