-- Who logs in with an account of an identity provider: the provider's address and its name for the account, never an e-mail address.

CREATE TABLE identity (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    member  TEXT NOT NULL REFERENCES member (name),
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
