DROP TABLE metadata;
DROP TABLE annotation;
DROP TABLE board;
