-- A program of version 9 was here, and took over what version 2 had made.
INSERT INTO application_migrations
SELECT 'recruiting', 1, name, sha256, '2026-01-02T00:00:00.000000Z'
FROM schema_migrations WHERE version = 2;
