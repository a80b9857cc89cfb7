"""Django's PostgreSQL backend (``ENGINE``), with a pool whose connections are looked at before they are handed out."""
