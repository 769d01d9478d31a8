DROP TABLE bundle;
