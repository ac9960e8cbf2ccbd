SELECT {{column}} AS v FROM ({{relation}})
