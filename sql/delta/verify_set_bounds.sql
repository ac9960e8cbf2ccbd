SET VARIABLE verify_bounds = $bounds
