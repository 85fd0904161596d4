-- An index over the first two attempts, of which it is only known that they may hold anything.

INSERT INTO search_blocks (block, lines, first_ts, last_ts, max_level, bits) VALUES
(1, 11, 1767600000260000, 1767600120000000, 50, NULL);
INSERT INTO search_segments (first_id, last_id, block) VALUES
(1 << 32 | 1, 1 << 32 | 9, 1), (2 << 32 | 1, 2 << 32 | 2, 1);
UPDATE job_attempts SET indexed = CASE run_key WHEN 1 THEN 9 ELSE 2 END WHERE run_key IN (1, 2);
