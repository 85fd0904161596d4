-- A job of last year whose informational lines have expired, and the notes of maintenance.

INSERT INTO async_ix_jobs (id, source, status, handler_name, created_at, updated_at, started_at,
    completed_at, attempt) VALUES
('JB_01KA5000000000000000000001', 'shop.import', 'completed', 'shop.import',
 '2025-06-01T08:00:00.000000Z', '2025-06-01T08:00:09.000000Z', '2025-06-01T08:00:01.000000Z',
 '2025-06-01T08:00:09.000000Z', 1);
INSERT INTO job_attempts (run_key, job_id, attempt, status, worker, pid, started_at, ended_at,
    accepted, stored, info_count, error_count, first_error_seq, indexed)
VALUES (9, 'JB_01KA5000000000000000000001', 1, 'completed', 'worker-99-1', 99,
 '2025-06-01T08:00:01.000000Z', '2025-06-01T08:00:09.000000Z', 3, 3, 2, 1, 3, 3);
INSERT INTO log_contexts (context_key, run_key, stage, task_id, line_count, first_id, last_id,
    first_ts, last_ts, max_level, info_count, error_count) VALUES
(14, 9, NULL, NULL, 3, 9 << 32 | 1, 9 << 32 | 3, 1748764801000000, 1748764808000000, 40, 2, 1);
INSERT INTO log_lines (id, context_key, origin_key, ts, level, flags, message, metadata) VALUES
(9 << 32 | 3, 14, 1, 1748764808000000, 40, 0, 'the only line that is kept', NULL);
INSERT INTO log_expiry (run_key, level, lines, at, rule) VALUES
(9, 1, 2, '2026-01-02T03:00:00.000000Z', 'info: 180d');

INSERT INTO retention_runs (at, report) VALUES
('2026-01-02T03:00:00.000000Z', '{"deleted_lines": 2, "rules": ["info: 180d"]}');
INSERT INTO maintenance_state (name, value, at) VALUES
('size_warned', '2', '2026-01-02T03:00:01.000000Z');
INSERT INTO job_moves (job_id) VALUES
('JB_01KA1000000000000000000007'), ('JB_01KA1000000000000000000005');
