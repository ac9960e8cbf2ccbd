-- now() is the same for the plan that chooses the files and for the statement, and stand-ins and views end with it.
BEGIN TRANSACTION
