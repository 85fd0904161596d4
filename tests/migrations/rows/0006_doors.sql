-- What no handler does: a command and a block of a program; and a job in the foreground.

INSERT INTO async_ix_jobs (id, source, status, handler_name, payload, result, error, error_type,
    created_at, updated_at, started_at, completed_at, attempt, door) VALUES
('JB_01KA6000000000000000000001', 'backup --all', 'failed', 'backup', NULL, '{"exit_code": 3}',
 'the command ended with exit code 3', 'CommandFailed', '2026-01-08T02:00:00.000000Z',
 '2026-01-08T02:00:05.000000Z', '2026-01-08T02:00:00.000000Z', '2026-01-08T02:00:05.000000Z', 1,
 'command'),
('JB_01KA6000000000000000000002', 'nightly.py', 'completed', 'nightly', NULL, NULL, NULL, NULL,
 '2026-01-08T03:00:00.000000Z', '2026-01-08T03:00:01.000000Z', '2026-01-08T03:00:00.000000Z',
 '2026-01-08T03:00:01.000000Z', 1, 'block'),
('JB_01KA6000000000000000000003', 'by hand', 'completed', 'shop.mail', NULL, NULL, NULL, NULL,
 '2026-01-08T04:00:00.000000Z', '2026-01-08T04:00:01.000000Z', '2026-01-08T04:00:00.000000Z',
 '2026-01-08T04:00:01.000000Z', 1, 'foreground');
INSERT INTO job_attempts (run_key, job_id, attempt, status, worker, pid, started_at, ended_at,
    error, error_type) VALUES
(10, 'JB_01KA6000000000000000000001', 1, 'failed', NULL, 5001, '2026-01-08T02:00:00.000000Z',
 '2026-01-08T02:00:05.000000Z', 'the command ended with exit code 3', 'CommandFailed'),
(11, 'JB_01KA6000000000000000000002', 1, 'completed', NULL, 5002, '2026-01-08T03:00:00.000000Z',
 '2026-01-08T03:00:01.000000Z', NULL, NULL),
(12, 'JB_01KA6000000000000000000003', 1, 'completed', NULL, 5003, '2026-01-08T04:00:00.000000Z',
 '2026-01-08T04:00:01.000000Z', NULL, NULL);
INSERT INTO log_contexts (context_key, run_key, stage, task_id) VALUES
(15, 10, 'pack', NULL), (16, 11, NULL, NULL);
INSERT INTO log_origins (origin_key, source, logger) VALUES (8, 'subprocess', NULL);
INSERT INTO log_lines (id, context_key, origin_key, ts, level, flags, message, metadata) VALUES
(10 << 32 | 1, 15, 8, 1767837601000000, 30, 0, 'disk nearly full', NULL),
(11 << 32 | 1, 16, 3, 1767841200500000, 20, 0, 'the night was quiet', NULL);
