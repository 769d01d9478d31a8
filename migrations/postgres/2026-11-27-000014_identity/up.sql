-- Who logs in with an account of an identity provider: the provider's address and its name for the account, never an e-mail address.

CREATE TABLE identity (
    issuer  text NOT NULL COLLATE "C",
    subject text NOT NULL COLLATE "C",
    member  text NOT NULL REFERENCES member (name),
    PRIMARY KEY (issuer, subject)
);
