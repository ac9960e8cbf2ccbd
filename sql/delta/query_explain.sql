EXPLAIN (FORMAT json) {{statement}}
