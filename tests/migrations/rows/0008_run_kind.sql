-- A command, under the new name of the column that tells.

INSERT INTO async_ix_jobs (id, source, status, handler_name, result, created_at, updated_at,
    started_at, completed_at, attempt, run_kind) VALUES
('JB_01KA8000000000000000000001', 'backup --quick', 'completed', 'backup', '{"exit_code": 0}',
 '2026-01-09T02:00:00.000000Z', '2026-01-09T02:00:05.000000Z', '2026-01-09T02:00:00.000000Z',
 '2026-01-09T02:00:05.000000Z', 1, 'command');
INSERT INTO job_attempts (run_key, job_id, attempt, status, pid, started_at, ended_at) VALUES
(13, 'JB_01KA8000000000000000000001', 1, 'completed', 5004, '2026-01-09T02:00:00.000000Z',
 '2026-01-09T02:00:05.000000Z');
INSERT INTO log_contexts (context_key, run_key, stage, task_id) VALUES (17, 13, NULL, NULL);
INSERT INTO log_lines (id, context_key, origin_key, ts, level, flags, message, metadata) VALUES
(13 << 32 | 1, 17, 8, 1767924001000000, 20, 0, 'nothing new to pack', NULL);
