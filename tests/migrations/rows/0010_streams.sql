-- A command at work, whose child draws a progress bar; another child's output was lost.
UPDATE job_attempts SET unseen_streams = '["stdout of convert"]', lost = lost + 1, accepted = accepted + 1
WHERE run_key = 4;

INSERT INTO log_spools (path, context_key, origin_key, position, level, flags, directives, keep,
    redact, stream, state, lost_places, lost_lines, frames) VALUES
('worker-4712.4712.1.stdout.spool', 9, 3, 640, 20, 0, 0, 0, 1, 'stdout of upload', 0, 1, 12, 150);

INSERT INTO log_parts (producer, part, number, context_key, origin_key, ts, level, flags, body, frames)
VALUES ('worker-4712.4712.1.stdout.spool', 0, 0, 9, 3, 1767600242600000, 20, 0, CAST('upload 43 %' AS BLOB), 42);
