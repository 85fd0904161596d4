-- Schedules of each kind, firings of each cause and fate, and a time in which no server ran.

UPDATE scheduled_pulse_jobs SET name = 'Catalogue', anchor_at = '2026-01-01T08:00:00.000000Z',
    next_nominal_at = next_run_at WHERE id = 'SP_01KA1000000000000000000001';

INSERT INTO scheduled_pulse_jobs (id, ats_code, interval_seconds, next_run_at, state, metadata,
    handler_name, payload, created_at, updated_at, name, cron, run_at, time_zone, jitter_seconds,
    start_at, end_at, overlap, missed, priority, next_nominal_at, state_reason, declared_as) VALUES
('SP_01KA3000000000000000000001', '', 0, '2026-01-08T08:00:12.000000Z', 'active', NULL, 'shop.bill',
 '{"month": 1}', '2026-01-07T10:00:00.000000Z', '2026-01-07T10:00:00.000000Z', 'Bills',
 '0 9 * * 1-5', NULL, 'Europe/Berlin', 60, '2026-01-07T00:00:00.000000Z',
 '2027-01-01T00:00:00.000000Z', 'queue', 'all(5)', 3, '2026-01-08T08:00:00.000000Z', NULL, 'bills'),
('SP_01KA3000000000000000000002', '', 0, NULL, 'inactive', NULL, 'shop.mail', NULL,
 '2026-01-07T10:00:00.000000Z', '2026-01-07T12:00:00.000000Z', 'Once', NULL,
 '2026-01-07T12:00:00.000000Z', 'UTC', 0, NULL, NULL, 'skip', 'one', 0, NULL, 'it ran once', NULL);

INSERT INTO pulse_executions (id, scheduled_job_id, async_job_id, status, started_at, completed_at,
    duration_ms, result_summary, error_message, created_at, updated_at, nominal_at, cause, reason,
    waiting, told) VALUES
('PX_01KA3000000000000000000001', 'SP_01KA3000000000000000000001', 'JB_01KA3000000000000000000001',
 'running', '2026-01-07T08:00:10.000000Z', NULL, NULL, NULL, NULL, '2026-01-07T08:00:10.000000Z',
 '2026-01-07T08:00:10.000000Z', '2026-01-07T08:00:00.000000Z', 'schedule', NULL, 0, 1),
('PX_01KA3000000000000000000002', 'SP_01KA3000000000000000000001', 'JB_01KA3000000000000000000002',
 'running', '2026-01-07T08:05:00.000000Z', NULL, NULL, NULL, NULL, '2026-01-07T08:05:00.000000Z',
 '2026-01-07T08:05:00.000000Z', NULL, 'force', 'waits for the one that runs', 1, 1),
('PX_01KA3000000000000000000003', 'SP_01KA3000000000000000000001', NULL, 'skipped',
 '2026-01-06T08:00:00.000000Z', '2026-01-06T08:00:00.000000Z', NULL, NULL, NULL,
 '2026-01-06T08:00:00.000000Z', '2026-01-06T08:00:00.000000Z', '2026-01-06T08:00:00.000000Z',
 'schedule', 'the one before still ran', 0, 0),
('PX_01KA3000000000000000000004', 'SP_01KA3000000000000000000002', NULL, 'missed',
 '2026-01-07T12:00:00.000000Z', '2026-01-07T12:00:00.000000Z', NULL, NULL, NULL,
 '2026-01-07T13:00:00.000000Z', '2026-01-07T13:00:00.000000Z', '2026-01-07T12:00:00.000000Z',
 'catch_up', 'no server ran then', 0, 1);

INSERT INTO async_ix_jobs (id, source, status, handler_name, payload, pulse_state, created_at,
    updated_at, started_at, attempt, execution_id) VALUES
('JB_01KA3000000000000000000001', 'shop.bill', 'running', 'shop.bill', '{"month": 1}', NULL,
 '2026-01-07T08:00:10.000000Z', '2026-01-07T08:00:11.000000Z', '2026-01-07T08:00:11.000000Z', 1,
 'PX_01KA3000000000000000000001'),
('JB_01KA3000000000000000000002', 'shop.bill', 'paused', 'shop.bill', '{"month": 1}',
 '{"is_paused": true, "pause_reason": "overlap"}', '2026-01-07T08:05:00.000000Z',
 '2026-01-07T08:05:00.000000Z', NULL, 0, 'PX_01KA3000000000000000000002');
INSERT INTO job_attempts (run_key, job_id, attempt, execution_id, status, worker, pid, started_at,
    lease_until) VALUES (8, 'JB_01KA3000000000000000000001', 1, 'PX_01KA3000000000000000000001',
 'running', 'worker-4712-1', 4712, '2026-01-07T08:00:11.000000Z', '2026-01-07T08:00:41.000000Z');
INSERT INTO log_contexts (context_key, run_key, stage, task_id) VALUES (13, 8, 'charge', NULL);
INSERT INTO log_lines (id, context_key, origin_key, ts, level, flags, message, metadata) VALUES
(8 << 32 | 1, 13, 1, 1767772811500000, 20, 0, 'charging by the clock', NULL);

INSERT INTO scheduler_beat (id, at, down_from, down_until) VALUES
(1, '2026-01-07T13:00:05.000000Z', '2026-01-07T11:50:00.000000Z', '2026-01-07T13:00:00.000000Z');
