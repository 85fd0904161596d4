-- How a job came to run is its run_kind: 'queue', 'foreground', 'command' or 'block'.
-- Queries that were written for the column's old name, door, go on working.
ALTER TABLE async_ix_jobs RENAME COLUMN door TO run_kind;
ALTER TABLE async_ix_jobs ADD COLUMN door TEXT GENERATED ALWAYS AS (run_kind) VIRTUAL;
