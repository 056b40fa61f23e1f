-- Times are milliseconds since 1970 UTC; the views show ISO 8601.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Where reading of each file of a log stands; written in the transaction that holds what was read.
CREATE TABLE positions (
  log TEXT NOT NULL, place INTEGER NOT NULL, device TEXT NOT NULL, inode TEXT NOT NULL,
  offset INTEGER NOT NULL, tail TEXT NOT NULL, head TEXT NOT NULL, done INTEGER NOT NULL,
  PRIMARY KEY (log, place)
) STRICT, WITHOUT ROWID;

-- One row a transaction. ip is the counted address: an IPv4 address or an IPv6 prefix; address is the exact one.
CREATE TABLE events (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, seen_at INTEGER NOT NULL, ip TEXT NOT NULL, address TEXT NOT NULL, port INTEGER,
  method TEXT, host TEXT, path TEXT, argument_names TEXT, status INTEGER, rules TEXT NOT NULL,
  inbound_score REAL, logged_score REAL, own_score REAL, score REAL NOT NULL, intercepted INTEGER NOT NULL, threat INTEGER NOT NULL,
  trust TEXT NOT NULL, transaction_id TEXT NOT NULL, log TEXT NOT NULL, inode TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_ip ON events (ip, at);

-- counted = 0 once the address was unblocked by hand: its window starts anew.
CREATE TABLE threats (
  id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, ip TEXT NOT NULL, at INTEGER NOT NULL, score REAL NOT NULL,
  intercepted INTEGER NOT NULL, model TEXT NOT NULL, matches TEXT NOT NULL, reasons TEXT NOT NULL, counted INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX threats_by_ip ON threats (ip, at, counted, intercepted);
CREATE INDEX threats_by_at ON threats (at);
CREATE INDEX threats_by_event ON threats (event_id);

-- Events of an address by hour: what the busy-address rule counts, also after the events themselves made room.
CREATE TABLE activity (
  hour INTEGER NOT NULL, ip TEXT NOT NULL, events INTEGER NOT NULL, PRIMARY KEY (hour, ip)
) STRICT, WITHOUT ROWID;

-- released_at is null while the block stands; applied says whether the kernel has its rule.
CREATE TABLE blocks (
  id INTEGER PRIMARY KEY, ip TEXT NOT NULL, reason TEXT NOT NULL, score REAL NOT NULL, threat_count INTEGER NOT NULL,
  blocked_at INTEGER NOT NULL, expires_at INTEGER, event_id INTEGER, rules TEXT NOT NULL DEFAULT '[]', note TEXT NOT NULL DEFAULT '',
  applied INTEGER NOT NULL DEFAULT 0, released_at INTEGER, released_by TEXT
) STRICT;
CREATE UNIQUE INDEX blocks_active ON blocks (ip) WHERE released_at IS NULL;
CREATE INDEX blocks_to_expire ON blocks (expires_at) WHERE released_at IS NULL;
CREATE INDEX blocks_to_apply ON blocks (ip) WHERE released_at IS NULL AND applied = 0;
CREATE INDEX blocks_to_remove ON blocks (ip) WHERE released_at IS NOT NULL AND applied = 1;
CREATE INDEX blocks_by_ip ON blocks (ip, blocked_at);
CREATE INDEX blocks_by_release ON blocks (released_at) WHERE released_at IS NOT NULL;

-- What could not be read: where and why, never its content.
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY, seen_at INTEGER NOT NULL, log TEXT NOT NULL, inode TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, problem TEXT NOT NULL
) STRICT;

-- Events by hour and band of score (0: 0 to below 1, ... 9: 9 to 10).
CREATE TABLE scores (
  hour INTEGER NOT NULL, band INTEGER NOT NULL, events INTEGER NOT NULL, intercepted INTEGER NOT NULL, PRIMARY KEY (hour, band)
) STRICT, WITHOUT ROWID;

CREATE TABLE allow (network TEXT PRIMARY KEY, reason TEXT NOT NULL, added_at INTEGER NOT NULL, expires_at INTEGER) STRICT, WITHOUT ROWID;

CREATE VIEW blocked_ips AS
  SELECT ip, reason, score, threat_count,
    strftime('%Y-%m-%dT%H:%M:%fZ', blocked_at / 1000.0, 'unixepoch') AS blocked_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') AS expires_at,
    CAST(round((expires_at - (julianday('now') - 2440587.5) * 86400000) / 1000.0) AS INTEGER) AS seconds_left
  FROM blocks
  WHERE released_at IS NULL AND (expires_at IS NULL OR expires_at > (julianday('now') - 2440587.5) * 86400000);

CREATE VIEW block_history AS
  SELECT ip, reason, score, threat_count,
    strftime('%Y-%m-%dT%H:%M:%fZ', blocked_at / 1000.0, 'unixepoch') AS blocked_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') AS expires_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', released_at / 1000.0, 'unixepoch') AS released_at,
    released_by
  FROM blocks;

CREATE VIEW top_offenders AS
  SELECT t.ip AS ip, count(*) AS threat_count, max(t.score) AS highest_score,
    strftime('%Y-%m-%dT%H:%M:%fZ', min(t.at) / 1000.0, 'unixepoch') AS first_seen,
    strftime('%Y-%m-%dT%H:%M:%fZ', max(t.at) / 1000.0, 'unixepoch') AS last_seen,
    (SELECT count(*) FROM blocks b WHERE b.ip = t.ip) AS blocks
  FROM threats t
  GROUP BY t.ip
  ORDER BY threat_count DESC, highest_score DESC;
