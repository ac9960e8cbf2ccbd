-- Tables of the session spill to disk beyond this. Setting it, also to the same value, hands freed memory back to the
-- operating system.
SET memory_limit = '100MB'
