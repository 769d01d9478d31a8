DROP TABLE audit;
DROP TABLE access_key;
DROP TABLE tenant;
