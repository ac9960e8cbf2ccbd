-- What happens on Friday, 6 March: the till commits its order of Tuesday, one is cancelled, one is new.
COMMIT PREPARED 'till';
UPDATE orders SET status = 'cancelled', updated_at = '2026-03-06 08:50:00+01' WHERE id = 6;
INSERT INTO orders VALUES (9, 2, 1, 189.00, 'completed', '2026-03-06', '2026-03-06 16:20:00+01');
