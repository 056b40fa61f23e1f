-- firewall: packets are dropped; proxied: the client comes through a trusted proxy, only the scoring server can refuse it;
-- observed: nothing is done, it is noted what would have been.
ALTER TABLE blocks ADD COLUMN enforcement TEXT NOT NULL DEFAULT 'firewall' CHECK (enforcement IN ('firewall', 'proxied', 'observed'));

-- step: the how-manieth block of the address within the memory; forgiven: counts no more for the next one.
ALTER TABLE blocks ADD COLUMN step INTEGER NOT NULL DEFAULT 1;
ALTER TABLE blocks ADD COLUMN forgiven INTEGER NOT NULL DEFAULT 0;

DROP INDEX blocks_to_apply;
CREATE INDEX blocks_to_apply ON blocks (ip) WHERE released_at IS NULL AND applied = 0 AND enforcement = 'firewall';
