-- For rows of files: two threads with their buffers, and sorts and joins of a batch.
SET memory_limit = '600MB'
