-- What happens on Tuesday, 3 March: a new price, a product that is gone, one that is new; an order that is completed, two that are new.
UPDATE products SET price = 74.90 WHERE id = 2;
DELETE FROM products WHERE id = 4;
INSERT INTO products VALUES (5, 'milk jug', 18.50);

UPDATE orders SET status = 'completed', updated_at = '2026-03-03 09:30:00+01' WHERE id = 2;
INSERT INTO orders VALUES
  (5, 2, 5, 18.50, 'completed', '2026-03-03', '2026-03-03 11:15:00+01'),
  (6, 3, 1, 189.00, 'open', '2026-03-03', '2026-03-03 17:45:00+01');

-- A till writes an order in the morning and commits it on Friday: its transaction is open when Tuesday is loaded.
BEGIN;
INSERT INTO orders VALUES (7, 1, 3, 34.90, 'completed', '2026-03-03', '2026-03-03 10:05:00+01');
PREPARE TRANSACTION 'till';
