DROP TABLE numbering;
