-- Bundles cannot become blocks without the program; a database that has none can go back.
DROP TABLE bundle;
