-- No infinity, no year before 1 (BC) or after 9999: those are shorter or longer.
length({{text}}) = 10
