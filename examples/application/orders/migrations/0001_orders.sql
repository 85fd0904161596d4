CREATE TABLE acme_orders (
    id      TEXT PRIMARY KEY,
    amount  TEXT NOT NULL
);
