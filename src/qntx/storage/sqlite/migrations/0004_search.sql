-- Search: for each block of about a thousand lines, which pieces of text are in it, and its ends.

-- Of the lines of an attempt, how many (the first ones) are in the index.
ALTER TABLE job_attempts ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX attempts_unindexed ON job_attempts (run_key) WHERE stored > indexed;

-- bits: a bit for each (hash of a) run of four bytes that a message of the block holds;
-- NULL: it may hold anything.
CREATE TABLE search_blocks (
    block     INTEGER PRIMARY KEY,
    lines     INTEGER NOT NULL,
    first_ts  INTEGER NOT NULL,
    last_ts   INTEGER NOT NULL,
    max_level INTEGER NOT NULL,
    bits      BLOB
);

-- Which lines a block is about: consecutive ones of one attempt.
CREATE TABLE search_segments (
    first_id INTEGER PRIMARY KEY,
    last_id  INTEGER NOT NULL,
    block    INTEGER NOT NULL
);
CREATE INDEX segments_of_block ON search_segments (block);
