DROP TABLE signal;
