DROP TABLE alert_delivery;
DROP TABLE alert_message;
DROP TABLE alert_notice;
DROP TABLE alert_episode;
DROP TABLE alert_state;
DROP TABLE alert_cursor;
DROP TABLE alert_secret;
DROP TABLE alert_document;
