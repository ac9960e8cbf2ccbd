-- The shop on Monday, 2 March.
\set password `printenv SHOP_PASSWORD`
CREATE ROLE reader LOGIN PASSWORD :'password' IN ROLE pg_read_all_stats;

CREATE TABLE customers (
  id int PRIMARY KEY,
  name text NOT NULL
);
CREATE TABLE products (
  id int PRIMARY KEY,
  name text NOT NULL,
  price numeric(10, 2) NOT NULL
);
CREATE TABLE orders (
  id int PRIMARY KEY,
  customer_id int NOT NULL REFERENCES customers,
  product_id int NOT NULL,
  amount numeric(10, 2) NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'completed', 'cancelled')),
  placed date NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX ON orders (updated_at);
GRANT SELECT ON customers, products, orders TO reader;

INSERT INTO customers VALUES
  (1, 'Ada'),
  (2, 'Blaise'),
  (3, 'Carla');
INSERT INTO products VALUES
  (1, 'espresso machine', 189.00),
  (2, 'grinder', 79.50),
  (3, 'kettle', 34.90),
  (4, 'scale', 24.00);
INSERT INTO orders VALUES
  (1, 1, 1, 189.00, 'completed', '2026-03-02', '2026-03-02 09:12:00+01'),
  (2, 2, 2, 79.50, 'open', '2026-03-02', '2026-03-02 10:40:00+01'),
  (3, 3, 3, 69.80, 'completed', '2026-03-02', '2026-03-02 11:05:00+01'),
  (4, 1, 4, 24.00, 'completed', '2026-03-02', '2026-03-02 15:30:00+01');
