-- Each thread has buffers of its own, and for batches of this size two threads cost more than they save.
SET threads = 1
