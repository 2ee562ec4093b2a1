-- Names that are unique in the installation, whichever tenant has them. A new caller key or channel
-- account claims its name in its own commit.
CREATE TABLE installation_names (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO installation_names (tenant, kind, name)
    SELECT tenant, 'caller_key', key_id FROM caller_keys ORDER BY id;
INSERT OR IGNORE INTO installation_names (tenant, kind, name)
    SELECT tenant, 'channel_account', name FROM channel_accounts ORDER BY id;
