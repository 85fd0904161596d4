-- One role with two texts of its advertisement, three people, and what was claimed and paid.

INSERT INTO roles VALUES
('RL_01KA2000000000000000000001', 'data engineer' || char(31) || 'acme' || char(31) || 'köln',
 'Data Engineer', 'Acme', 'Köln', '2026-01-06T09:00:00.000000Z', '2026-01-07T09:00:00.000000Z');

INSERT INTO job_descriptions VALUES
('JD_01KA2000000000000000000001', 'RL_01KA2000000000000000000001', 'file:///srv/jobs/data.txt',
 'file', 'a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447', 'Data Engineer',
 'Acme', 'Köln', 'We look for a Data Engineer in Köln. Python is a must, SQL is nice to have.',
 '{"extractor":"rules-1","title":{"value":"Data Engineer","quote":{"text":"Data Engineer","start":14,"end":27}},"requirements":[{"kind":"skill","name":"Python","importance":"must","quote":{"text":"Python","start":37,"end":43},"critical":true},{"kind":"skill","name":"SQL","importance":"nice","quote":{"text":"SQL","start":55,"end":58}}]}',
 '{}', 'JB_01KA2000000000000000000001', '2026-01-06T09:00:01.000000Z',
 '2026-01-06T09:00:01.000000Z'),
('JD_01KA2000000000000000000002', 'RL_01KA2000000000000000000001',
 'https://acme.example.com/jobs/7', 'html',
 'b1946ac92492d2347c6235b4d2611184b1946ac92492d2347c6235b4d2611184', 'Data Engineer', 'Acme',
 'Köln', 'Data Engineer (m/w/d)', '{"extractor":"rules-1"}', '{"datePosted":"2026-01-02"}', '',
 '2026-01-07T09:00:01.000000Z', '2026-01-07T09:00:01.000000Z');

INSERT INTO candidates VALUES
('CN_ada', 'Ada Example', 'Writes pipelines', 'Köln', 7.5,
 '{"id":"CN_ada","name":"Ada Example","headline":"Writes pipelines","location":"Köln","work_modes":["remote"],"years_experience":7.5,"skills":[{"name":"Python","years":6.0}],"languages":[{"name":"German","level":"C1"}],"education":[{"level":"master","field":"Physics"}],"positions":[{"title":"Engineer","company":"Globex","years":4.0}]}',
 '2026-01-06T08:00:00.000000Z', '2026-01-06T08:00:00.000000Z'),
('CN_bo', 'Bo Example', '', '', 0, '{"id":"CN_bo","name":"Bo Example"}',
 '2026-01-06T08:00:00.000000Z', '2026-01-06T08:00:00.000000Z'),
('CN_cy', 'Cy Example', '', 'Bonn', 2, '{"id":"CN_cy","name":"Cy Example","location":"Bonn","years_experience":2.0}',
 '2026-01-06T08:00:00.000000Z', '2026-01-06T08:00:01.000000Z');

INSERT INTO candidate_scores (jd_id, candidate_id, scorer, score, qualified, threshold, reasoning,
    evidence, job_id, scored_at) VALUES
('JD_01KA2000000000000000000001', 'CN_ada', 'rules-1', 0.9, 1, 0.6, 'Python: 6 years',
 '[{"requirement":"Python","importance":"must","critical":true,"weight":3.0,"strength":1.0,"how":"exact","found":"Python, 6 years"}]',
 'JB_01KA2000000000000000000001', '2026-01-06T09:00:02.000000Z'),
('JD_01KA2000000000000000000001', 'CN_bo', 'rules-1', 0.1, 0, 0.6, 'Python is missing', '[]',
 'JB_01KA2000000000000000000001', '2026-01-06T09:00:03.000000Z');

INSERT INTO attestations (id, subjects, predicates, contexts, actors, timestamp, source,
    attributes, created_at, signature, signer_did) VALUES
('AS_01KA2000000000000000000001', '["JD_01KA2000000000000000000001"]', '["requires"]',
 '["Python"]', '["rules-1"]', '2026-01-06T09:00:01.500000Z', 'role', '{"importance":"must"}',
 '2026-01-06T09:00:01.500000Z', NULL, NULL),
('AS_01KA2000000000000000000002', '["JD_01KA2000000000000000000001","CN_ada"]', '["fits"]',
 '["_"]', '["ann","rules-1"]', '2026-01-06T10:00:00.000000Z', 'cli', NULL,
 '2026-01-06T10:00:00.000000Z', X'00FF10', 'did:example:ann');

INSERT INTO attestation_names (dimension, name, attestation_id)
SELECT 'subject', n.value, a.id FROM attestations a, json_each(a.subjects) n UNION ALL
SELECT 'predicate', n.value, a.id FROM attestations a, json_each(a.predicates) n UNION ALL
SELECT 'context', n.value, a.id FROM attestations a, json_each(a.contexts) n UNION ALL
SELECT 'actor', n.value, a.id FROM attestations a, json_each(a.actors) n;

INSERT INTO ai_model_usage (operation_type, entity_type, entity_id, model_name, model_provider,
    model_config, request_timestamp, response_timestamp, tokens_used, cost, success, error_message,
    metadata, created_at) VALUES
('extract', 'job', 'JB_01KA2000000000000000000001', 'small-1', 'example', '{"temperature":0}',
 '2026-01-06T09:00:00.500000Z', '2026-01-06T09:00:00.900000Z', 812, 0.0125, 1, NULL, '{}',
 '2026-01-06T09:00:00.900000Z'),
('extract', 'job', 'JB_01KA2000000000000000000001', 'small-1', 'example', NULL,
 '2026-01-06T09:00:00.100000Z', NULL, NULL, NULL, 0, 'no answer', NULL,
 '2026-01-06T09:00:00.400000Z');

INSERT INTO async_ix_jobs (id, source, status, handler_name, payload, created_at, updated_at,
    started_at, completed_at, attempt) VALUES
('JB_01KA2000000000000000000001', 'file:///srv/jobs/data.txt', 'completed', 'role.jd-ingestion',
 '{"jd_url": "file:///srv/jobs/data.txt"}', '2026-01-06T09:00:00.000000Z',
 '2026-01-06T09:00:04.000000Z', '2026-01-06T09:00:00.000000Z', '2026-01-06T09:00:04.000000Z', 1);
INSERT INTO job_attempts (run_key, job_id, attempt, status, worker, pid, started_at, ended_at)
VALUES (7, 'JB_01KA2000000000000000000001', 1, 'completed', NULL, 4800,
 '2026-01-06T09:00:00.000000Z', '2026-01-06T09:00:04.000000Z');
INSERT INTO log_contexts (context_key, run_key, stage, task_id) VALUES
(11, 7, 'score', 'CN_ada'), (12, 7, 'score', 'CN_bo');
INSERT INTO log_lines (id, context_key, origin_key, ts, level, flags, message, metadata) VALUES
(7 << 32 | 1, 11, 1, 1767690002000000, 20, 0, 'Ada Example: 0.90', '{"score": 0.9}'),
(7 << 32 | 2, 12, 1, 1767690003000000, 20, 0, 'Bo Example: 0.10', '{"score": 0.1}');
