-- What COPY wrote: one line for each row, tabs between the values, the first of which is a mark of ours.
SELECT {{texts}}
FROM read_csv($file, auto_detect = false, columns = { {{types}} }, header = false, new_line = '\n', delim = '\t', quote = '', escape = '', comment = '',
  strict_mode = true, null_padding = false, nullstr = '\N', allow_quoted_nulls = false, max_line_size = $max_line, buffer_size = $buffer)
