DROP TABLE rollup;
DROP TABLE block;
DROP TABLE journal;
