CREATE OR REPLACE VIEW {{table}} AS {{relation}}
