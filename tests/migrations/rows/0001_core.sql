-- A shop's morning: jobs in every status, with attempts, lines, pieces of lines and a schedule.

INSERT INTO async_ix_jobs (id, source, status, progress_current, progress_total, cost_estimate,
    cost_actual, pulse_state, error, error_details, parent_job_id, retry_count, handler_name,
    payload, plugin_version, created_at, updated_at, started_at, completed_at, result, error_type,
    error_stage, attempt, max_attempts, priority, next_attempt_at, idempotency_key, execution_id,
    stop_request, checkpoint, crash_count) VALUES
('JB_01KA1000000000000000000001', 'catalogue.csv', 'completed', 3, 3, 0.5, 0.25, NULL, NULL, NULL,
 NULL, 0, 'shop.import', '{"file": "catalogue.csv", "dry": false}', '1.4.0',
 '2026-01-05T08:00:00.000000Z', '2026-01-05T08:00:04.500000Z', '2026-01-05T08:00:00.250000Z',
 '2026-01-05T08:00:04.500000Z', '{"imported": 3, "names": ["tea", "café"]}', NULL, NULL, 1, 3, 0,
 NULL, 'import:catalogue', 'PX_01KA1000000000000000000001', NULL, '{"row": 3}', 0),
('JB_01KA1000000000000000000002', 'orders of January', 'failed', 1, 4, 0, 0, NULL,
 'the bank said no', '["invoice 17", "invoice 18"]', NULL, 1, 'shop.bill', '{"month": 1}', '',
 '2026-01-05T08:01:00.000000Z', '2026-01-05T08:03:09.000000Z', '2026-01-05T08:01:01.000000Z',
 '2026-01-05T08:03:09.000000Z', NULL, 'ValueError', 'charge', 2, 2, 5, NULL, NULL,
 'PX_01KA1000000000000000000002', NULL, NULL, 1),
('JB_01KA1000000000000000000003', 'images', 'running', 40, 100, 0, 0, NULL, NULL, NULL, NULL, 0,
 'shop.resize', '{"width": 640}', '', '2026-01-05T08:04:00.000000Z', '2026-01-05T08:04:02.000000Z',
 '2026-01-05T08:04:01.000000Z', NULL, NULL, NULL, NULL, 1, 1, 0, NULL, NULL, NULL, 'cancel', NULL,
 0),
('JB_01KA1000000000000000000004', 'newsletter', 'paused', 10, 20, 0, 0,
 '{"is_paused": true, "pause_reason": "user_requested", "message": "paused by hand"}', NULL, NULL,
 NULL, 0, 'shop.mail', '{"list": "all"}', '', '2026-01-05T08:05:00.000000Z',
 '2026-01-05T08:05:30.000000Z', '2026-01-05T08:05:01.000000Z', NULL, NULL, NULL, NULL, 1, 1, 0,
 NULL, NULL, NULL, NULL, '{"sent": 10}', 0),
('JB_01KA1000000000000000000005', 'shop.bill', 'queued', 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0,
 'shop.bill', '{"month": 2}', '', '2026-01-05T08:06:00.000000Z', '2026-01-05T08:06:00.000000Z',
 NULL, NULL, NULL, NULL, NULL, 0, 2, 9, NULL, NULL, NULL, NULL, NULL, 0),
('JB_01KA1000000000000000000006', 'shop.bill', 'queued', 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0,
 'shop.bill', '{"month": 3}', '', '2026-01-05T08:06:01.000000Z', '2026-01-05T08:06:01.000000Z',
 NULL, NULL, NULL, NULL, NULL, 0, 2, 0, '2026-03-01T00:00:00.000000Z', 'bill:2026-03', NULL, NULL,
 NULL, 0),
('JB_01KA1000000000000000000007', 'old catalogue', 'cancelled', 0, 0, 0, 0, NULL,
 'cancelled before it began', NULL, NULL, 0, 'shop.import', NULL, '',
 '2026-01-05T08:07:00.000000Z', '2026-01-05T08:07:05.000000Z', NULL, '2026-01-05T08:07:05.000000Z',
 NULL, NULL, NULL, 0, 1, 0, NULL, NULL, NULL, NULL, NULL, 0),
('JB_01KA1000000000000000000008', 'tea', 'completed', 0, 0, 0, 0, NULL, NULL, NULL,
 'JB_01KA1000000000000000000001', 0, 'shop.resize', '{"name": "tea"}', '',
 '2026-01-05T08:00:02.000000Z', '2026-01-05T08:00:03.000000Z', '2026-01-05T08:00:02.500000Z',
 '2026-01-05T08:00:03.000000Z', 'null', NULL, NULL, 1, 1, 0, NULL, NULL, NULL, NULL, NULL, 0),
('JB_01KA1000000000000000000009', 'café', 'queued', 0, 0, 0, 0, NULL, NULL, NULL,
 'JB_01KA1000000000000000000008', 0, 'shop.resize', '{"name": "café"}', '',
 '2026-01-05T08:00:02.100000Z', '2026-01-05T08:00:02.100000Z', NULL, NULL, NULL, NULL, NULL, 0, 1,
 0, NULL, NULL, NULL, NULL, NULL, 0);

INSERT INTO scheduled_pulse_jobs (id, ats_code, interval_seconds, next_run_at, last_run_at,
    last_execution_id, state, created_from_doc_id, metadata, handler_name, payload, source_url,
    created_at, updated_at) VALUES
('SP_01KA1000000000000000000001', '', 21600, '2026-01-05T14:00:00.000000Z',
 '2026-01-05T08:00:00.000000Z', 'PX_01KA1000000000000000000001', 'active', NULL,
 '{"owner": "shop"}', 'shop.import', '{"file": "catalogue.csv", "dry": false}', NULL,
 '2026-01-01T09:00:00.000000Z', '2026-01-05T08:00:00.000000Z'),
('SP_01KA1000000000000000000002', 'ix https://jobs.example.com/list', 86400, NULL, NULL, NULL,
 'paused', 'DOC_7', NULL, NULL, NULL, 'https://jobs.example.com/list',
 '2026-01-01T09:05:00.000000Z', '2026-01-02T09:05:00.000000Z'),
('SP_01KA1000000000000000000003', '', 3600, NULL, '2026-01-02T10:00:00.000000Z', NULL, 'deleted',
 NULL, NULL, 'shop.bill', NULL, NULL, '2026-01-01T09:06:00.000000Z', '2026-01-02T10:30:00.000000Z');

INSERT INTO pulse_executions (id, scheduled_job_id, async_job_id, status, started_at, completed_at,
    duration_ms, logs, result_summary, error_message, created_at, updated_at) VALUES
('PX_01KA1000000000000000000001', 'SP_01KA1000000000000000000001', 'JB_01KA1000000000000000000001',
 'completed', '2026-01-05T08:00:00.250000Z', '2026-01-05T08:00:04.500000Z', 4250, NULL,
 '{"imported": 3, "names": ["tea", "café"]}', NULL, '2026-01-05T08:00:00.000000Z',
 '2026-01-05T08:00:04.500000Z'),
('PX_01KA1000000000000000000002', 'SP_01KA1000000000000000000003', 'JB_01KA1000000000000000000002',
 'failed', '2026-01-05T08:01:01.000000Z', '2026-01-05T08:03:09.000000Z', 128000, NULL, NULL,
 'the bank said no', '2026-01-05T08:01:00.000000Z', '2026-01-05T08:03:09.000000Z'),
('PX_01KA1000000000000000000003', 'SP_01KA1000000000000000000001', NULL, 'missed',
 '2026-01-05T02:00:00.000000Z', '2026-01-05T02:00:00.000000Z', NULL, NULL, NULL,
 'no server ran then', '2026-01-05T02:00:00.000000Z', '2026-01-05T02:00:00.000000Z');

INSERT INTO job_attempts (run_key, job_id, attempt, execution_id, status, worker, pid, started_at,
    ended_at, error, error_type, error_stage, reason, lease_until, lost, redactions) VALUES
(1, 'JB_01KA1000000000000000000001', 1, 'PX_01KA1000000000000000000001', 'completed',
 'worker-4711-1', 4711, '2026-01-05T08:00:00.250000Z', '2026-01-05T08:00:04.500000Z', NULL, NULL,
 NULL, NULL, NULL, 0, 1),
(2, 'JB_01KA1000000000000000000002', 1, NULL, 'failed', 'worker-4711-1', 4711,
 '2026-01-05T08:01:01.000000Z', '2026-01-05T08:02:00.000000Z', 'its worker died', 'WorkerDied',
 NULL, 'killed by signal 9', NULL, 3, 0),
(3, 'JB_01KA1000000000000000000002', 2, 'PX_01KA1000000000000000000002', 'failed', 'worker-4712-1',
 4712, '2026-01-05T08:03:00.000000Z', '2026-01-05T08:03:09.000000Z', 'the bank said no',
 'ValueError', 'charge', NULL, NULL, 0, 0),
(4, 'JB_01KA1000000000000000000003', 1, NULL, 'running', 'worker-4712-1', 4712,
 '2026-01-05T08:04:01.000000Z', NULL, NULL, NULL, NULL, NULL, '2026-01-05T08:04:31.000000Z', 0, 0),
(5, 'JB_01KA1000000000000000000004', 1, NULL, 'paused', 'worker-4712-1', 4712,
 '2026-01-05T08:05:01.000000Z', '2026-01-05T08:05:30.000000Z', NULL, NULL, NULL, 'paused', NULL, 0,
 0),
(6, 'JB_01KA1000000000000000000008', 1, NULL, 'completed', 'worker-4712-1', 4712,
 '2026-01-05T08:00:02.500000Z', '2026-01-05T08:00:03.000000Z', NULL, NULL, NULL, NULL, NULL, 0, 0);

INSERT INTO log_contexts (context_key, run_key, stage, task_id, name, status, started_at, ended_at,
    result) VALUES
(1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(2, 1, 'read', NULL, 'Reading', 'completed', 1767600000300000, 1767600001000000, NULL),
(3, 1, 'read', 'row-1', 'tea', 'completed', 1767600000400000, 1767600000500000, '{"ok": true}'),
(4, 1, 'read', 'row-2', 'café', 'completed', 1767600000600000, 1767600000700000, NULL),
(5, 1, 'store', NULL, NULL, NULL, NULL, NULL, NULL),
(6, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(7, 3, 'charge', NULL, 'Charging', 'failed', 1767600181000000, 1767600189000000, NULL),
(8, 3, 'charge', 'invoice-17', NULL, 'failed', 1767600182000000, 1767600183000000, NULL),
(9, 4, '', '', NULL, NULL, NULL, NULL, NULL),
(10, 6, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO log_origins (origin_key, source, logger) VALUES
(1, 'emitter', NULL), (2, 'logging', 'shop.catalogue'), (3, 'stdout', NULL), (4, 'stderr', NULL),
(5, 'exception', NULL), (6, 'system', NULL), (7, 'logging', '');

-- flags: 1 bytes, 2 no newline, 4 unattributed, 16 the body is apart, 32 redacted
INSERT INTO log_lines (id, context_key, origin_key, ts, level, flags, message, metadata) VALUES
(1 << 32 | 1, 1, 1, 1767600000260000, 20, 0, 'import of catalogue.csv begins', NULL),
(1 << 32 | 2, 2, 2, 1767600000310000, 10, 0, 'opened', '{"size": 812, "encoding": "utf-8"}'),
(1 << 32 | 3, 3, 1, 1767600000410000, 20, 0, 'read the row of tea', '{"row": 1}'),
(1 << 32 | 4, 4, 1, 1767600000610000, 20, 0, 'read the row of café ☕', '{"row": 2}'),
(1 << 32 | 5, 4, 3, 1767600000620000, 20, 32, 'token=[REDACTED] was in the file', NULL),
(1 << 32 | 6, 5, 3, 1767600002000000, 20, 1, X'6E6F7420FFFE20746578740A656E64', NULL),
(1 << 32 | 7, 5, 4, 1767600003000000, 30, 2, 'no newline at its end', NULL),
(1 << 32 | 8, 5, 3, 1767600003500000, 20, 16, substr(replace(hex(zeroblob(1500)), '00', 'a long word '), 1, 4096), NULL),
(1 << 32 | 9, 1, 1, 1767600004400000, 20, 0, '3 imported', '{"imported": 3}'),
(2 << 32 | 1, 6, 1, 1767600062000000, 20, 0, 'billing January', NULL),
(2 << 32 | 2, 6, 6, 1767600120000000, 50, 4, 'the worker died; 3 lines are lost', NULL),
(3 << 32 | 1, 7, 1, 1767600181500000, 20, 0, 'charging 4 invoices', NULL),
(3 << 32 | 2, 8, 7, 1767600182500000, 40, 0, 'invoice 17 was refused', NULL),
(3 << 32 | 3, 7, 5, 1767600188000000, 40, 0, 'ValueError: the bank said no', NULL),
(4 << 32 | 1, 9, 1, 1767600242000000, 25, 0, 'said in a stage and a task without names', NULL),
(6 << 32 | 1, 10, 3, 1767600002700000, 20, 0, 'resized tea', NULL);

INSERT INTO log_bodies (id, body) VALUES
(1 << 32 | 8, CAST(replace(hex(zeroblob(6000)), '00', 'a long word ') || 'with a needle at its end' AS BLOB));

INSERT INTO journal_offsets (producer, segment, position) VALUES
('worker-4711', 1, 8192), ('worker-4712', 3, 640);

INSERT INTO log_parts (producer, part, number, context_key, origin_key, ts, level, flags, body)
VALUES ('worker-4712', 1, 1, 9, 3, 1767600242500000, 20, 0, CAST('half a line, ' AS BLOB));

INSERT INTO log_spools (path, context_key, origin_key, position, level, flags, directives, keep,
    redact) VALUES ('/srv/shop/.qntx/spools/4712-1.out', 9, 3, 128, 20, 4, 0, 1, 1);
