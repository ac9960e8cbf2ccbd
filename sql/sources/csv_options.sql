auto_detect = false, columns = { {{types}} }, header = $header, {{newline}} delim = $delimiter, quote = $quote, escape = $quote,
strict_mode = true, null_padding = false, nullstr = $null_values, allow_quoted_nulls = false,
max_line_size = $max_line, buffer_size = $buffer
