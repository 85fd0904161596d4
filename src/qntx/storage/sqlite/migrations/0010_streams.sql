-- Output that goes past Python comes through pipes, into files named relative to the data directory.
-- What a stream is called, its state (see SpoolRow), and how much of it is known to be missing.
ALTER TABLE log_spools ADD COLUMN stream TEXT NOT NULL DEFAULT '';
ALTER TABLE log_spools ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_spools ADD COLUMN lost_places INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_spools ADD COLUMN lost_lines INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_spools ADD COLUMN frames INTEGER NOT NULL DEFAULT 0;
-- Frames of a progress bar that an unfinished line had before its newest one.
ALTER TABLE log_parts ADD COLUMN frames INTEGER NOT NULL DEFAULT 0;
-- The streams whose end was not seen, as JSON: a receipt names them.
ALTER TABLE job_attempts ADD COLUMN unseen_streams TEXT;
