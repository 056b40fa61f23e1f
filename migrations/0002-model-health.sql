-- What a model made of each hour: events, threats by risk, what the WAF denied (and the model scored low), inline scores compared with own ones.
CREATE TABLE model_hours (
  hour INTEGER NOT NULL, model TEXT NOT NULL, last_seen_at INTEGER NOT NULL,
  events INTEGER NOT NULL, threats INTEGER NOT NULL, high INTEGER NOT NULL, medium INTEGER NOT NULL,
  denied INTEGER NOT NULL, denied_low INTEGER NOT NULL, compared INTEGER NOT NULL, disagreeing INTEGER NOT NULL,
  PRIMARY KEY (hour, model)
) STRICT, WITHOUT ROWID;

-- Own scores of each hour in bins of a quarter point (0: 0 to 0.25, 1: above 0.25 to 0.5, ... 39: above 9.75).
-- unflagged: the WAF had no word against them; ordinary: nor were they threats.
CREATE TABLE model_scores (
  hour INTEGER NOT NULL, model TEXT NOT NULL, bin INTEGER NOT NULL,
  events INTEGER NOT NULL, unflagged INTEGER NOT NULL, ordinary INTEGER NOT NULL,
  PRIMARY KEY (hour, model, bin)
) STRICT, WITHOUT ROWID;

-- Events that a person marked. request: the masked request as JSON for the next training; null where the entry was gone (problem says why).
-- risk, counted and threat are what the event was before.
CREATE TABLE false_positives (
  event_id INTEGER PRIMARY KEY, marked_at INTEGER NOT NULL, at INTEGER NOT NULL, ip TEXT NOT NULL, score REAL NOT NULL,
  risk TEXT NOT NULL, counted INTEGER NOT NULL, threat INTEGER NOT NULL,
  request TEXT, bytes INTEGER NOT NULL, problem TEXT NOT NULL
) STRICT;
CREATE INDEX false_positives_by_ip ON false_positives (ip) WHERE counted = 1;

DROP VIEW top_offenders;
CREATE VIEW top_offenders AS
  SELECT t.ip AS ip, count(*) AS threat_count, max(t.score) AS highest_score,
    strftime('%Y-%m-%dT%H:%M:%fZ', min(t.at) / 1000.0, 'unixepoch') AS first_seen,
    strftime('%Y-%m-%dT%H:%M:%fZ', max(t.at) / 1000.0, 'unixepoch') AS last_seen,
    (SELECT count(*) FROM blocks b WHERE b.ip = t.ip) AS blocks
  FROM threats t
  WHERE t.event_id NOT IN (SELECT event_id FROM false_positives)
  GROUP BY t.ip
  ORDER BY threat_count DESC, highest_score DESC;
