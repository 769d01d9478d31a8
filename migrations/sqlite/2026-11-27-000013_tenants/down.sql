DROP TABLE tenant_database;
