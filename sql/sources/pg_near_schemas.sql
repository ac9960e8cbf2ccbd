SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)'
