-- As django.core.cache.backends.db wants it. Nothing in it is worth keeping for longer than some minutes.
CREATE TABLE shared_count (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX shared_count_expires ON shared_count (expires);
