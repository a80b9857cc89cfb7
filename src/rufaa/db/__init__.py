"""PostgreSQL: the embedded server, and what every noun needs to talk to a database. Knows no noun."""
