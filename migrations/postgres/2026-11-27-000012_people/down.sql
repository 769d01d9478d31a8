DROP TABLE invitation;
DROP TABLE session;
DROP TABLE member;
