${{name}} || strlen({{text}}) || ':' || {{text}}
