SET partitioned_write_flush_threshold = 16384
