-- How a job came to be. Only what a handler does can be done again, or paused: 'queue' and
-- 'foreground' (qntx ix, App.run). A 'command' (qntx run) and a 'block' (qntx.capture) cannot.
ALTER TABLE async_ix_jobs ADD COLUMN door TEXT NOT NULL DEFAULT 'queue'
    CHECK (door IN ('queue', 'foreground', 'command', 'block'));
