-- What happens on Wednesday, 4 March.
INSERT INTO orders VALUES (8, 3, 2, 74.90, 'completed', '2026-03-04', '2026-03-04 12:00:00+01');
