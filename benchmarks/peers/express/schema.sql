CREATE TABLE IF NOT EXISTS push (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    checkout_request_id text NOT NULL,
    merchant_request_id text NOT NULL,
    phone text NOT NULL,
    amount integer NOT NULL,
    account text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS payment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    checkout_request_id text NOT NULL,
    result_code integer NOT NULL,
    receipt text,
    amount integer,
    phone text,
    body text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
