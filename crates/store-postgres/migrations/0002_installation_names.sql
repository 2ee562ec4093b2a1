-- Names that are unique in the installation, whichever tenant has them. A new caller key or channel
-- account claims its name in its own commit. The tenant does not lead this key: a distributed
-- PostgreSQL keeps the table on every node.
CREATE TABLE installation_names (
    tenant text COLLATE "C" NOT NULL,
    kind   text COLLATE "C" NOT NULL,
    name   text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, name)
);
INSERT INTO installation_names (tenant, kind, name)
    SELECT tenant, 'caller_key', key_id FROM caller_keys ORDER BY id
    ON CONFLICT DO NOTHING;
INSERT INTO installation_names (tenant, kind, name)
    SELECT tenant, 'channel_account', name FROM channel_accounts ORDER BY id
    ON CONFLICT DO NOTHING;
