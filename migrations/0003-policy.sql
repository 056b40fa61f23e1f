-- firewall: packets are dropped; proxied: the client comes through a trusted proxy, only the scoring server can refuse it;
-- observed: nothing is done, it is noted what would have been.
ALTER TABLE blocks ADD COLUMN enforcement TEXT NOT NULL DEFAULT 'firewall' CHECK (enforcement IN ('firewall', 'proxied', 'observed'));

-- step: the how-manieth block of the address within the memory; forgiven: counts no more for the next one.
ALTER TABLE blocks ADD COLUMN step INTEGER NOT NULL DEFAULT 1;
ALTER TABLE blocks ADD COLUMN forgiven INTEGER NOT NULL DEFAULT 0;
-- corroborated: the model and the WAF's own rules agreed; else the block rests on one of them alone, which the brake counts.
ALTER TABLE blocks ADD COLUMN corroborated INTEGER NOT NULL DEFAULT 0;
-- origin: the list that an imported block comes from.
ALTER TABLE blocks ADD COLUMN origin TEXT NOT NULL DEFAULT '';

DROP INDEX blocks_to_apply;
CREATE INDEX blocks_to_apply ON blocks (ip) WHERE released_at IS NULL AND applied = 0 AND enforcement = 'firewall';
CREATE INDEX blocks_alone ON blocks (blocked_at) WHERE corroborated = 0 AND reason IN ('high-score', 'repeated', 'too-many');
CREATE INDEX blocks_by_enforcement ON blocks (enforcement, reason) WHERE released_at IS NULL;
-- What makes room when there are too many of an enforcement.
CREATE INDEX blocks_to_evict ON blocks (enforcement, expires_at) WHERE released_at IS NULL;
CREATE INDEX blocks_observed ON blocks (blocked_at) WHERE enforcement = 'observed';

-- What was only observed never was a block.
DROP VIEW blocked_ips;
CREATE VIEW blocked_ips AS
  SELECT ip, reason, score, threat_count,
    strftime('%Y-%m-%dT%H:%M:%fZ', blocked_at / 1000.0, 'unixepoch') AS blocked_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') AS expires_at,
    CAST(round((expires_at - (julianday('now') - 2440587.5) * 86400000) / 1000.0) AS INTEGER) AS seconds_left
  FROM blocks
  WHERE released_at IS NULL AND (expires_at IS NULL OR expires_at > (julianday('now') - 2440587.5) * 86400000) AND enforcement <> 'observed';

DROP VIEW block_history;
CREATE VIEW block_history AS
  SELECT ip, reason, score, threat_count,
    strftime('%Y-%m-%dT%H:%M:%fZ', blocked_at / 1000.0, 'unixepoch') AS blocked_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') AS expires_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', released_at / 1000.0, 'unixepoch') AS released_at,
    released_by
  FROM blocks
  WHERE enforcement <> 'observed';

CREATE VIEW observed_blocks AS
  SELECT ip, reason, score, threat_count,
    strftime('%Y-%m-%dT%H:%M:%fZ', blocked_at / 1000.0, 'unixepoch') AS blocked_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') AS expires_at
  FROM blocks
  WHERE enforcement = 'observed';

DROP VIEW top_offenders;
CREATE VIEW top_offenders AS
  SELECT t.ip AS ip, count(*) AS threat_count, max(t.score) AS highest_score,
    strftime('%Y-%m-%dT%H:%M:%fZ', min(t.at) / 1000.0, 'unixepoch') AS first_seen,
    strftime('%Y-%m-%dT%H:%M:%fZ', max(t.at) / 1000.0, 'unixepoch') AS last_seen,
    (SELECT count(*) FROM blocks b WHERE b.ip = t.ip AND b.enforcement <> 'observed') AS blocks
  FROM threats t
  WHERE t.event_id NOT IN (SELECT event_id FROM false_positives)
  GROUP BY t.ip
  ORDER BY threat_count DESC, highest_score DESC;
