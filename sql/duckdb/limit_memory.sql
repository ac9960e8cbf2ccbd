-- Staging spills to disk beyond this; what a batch needs besides comes to about the same again.
SET memory_limit = '256MB'
