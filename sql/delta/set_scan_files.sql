SET VARIABLE {{scan}}_files = $files
