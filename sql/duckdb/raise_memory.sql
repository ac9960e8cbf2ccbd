-- Before RESET, which brings back the number shown and not the limit that allocations meet.
SET memory_limit = '{{memory}}'
