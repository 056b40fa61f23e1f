import { hookOf } from './backend-choice.ts'
import { type FileValues, parseRows, type ValuesOf } from './settings-parse.ts'
import {
  between,
  chainNames,
  domainNames,
  duration,
  durationOrAuto,
  headerName,
  listOf,
  networks,
  oneOf,
  path,
  paths,
  row,
  type Setting,
  text,
  whole,
} from './settings-readers.ts'
import { SCORE_SETTINGS } from './settings-score.ts'

/** Every setting is one row here: the file, `check`, the sample and docs/settings.md are made from it. */
export const SETTINGS = {
  auditLogs: row(
    'audit_log',
    '/var/log/modsecurity/audit.log',
    'The audit log of ModSecurity: a path or a list of paths. Serial or the index of a concurrent log, JSON or native: found out by reading.',
    paths(),
  ),
  storageDir: row(
    'storage_dir',
    '',
    'Where the files of a concurrent audit log lie (SecAuditLogStorageDir). Empty: the folder of the index.',
    text(),
  ),
  database: row(
    'database',
    '/var/lib/modwarden/modwarden.db',
    'The SQLite database with events, threats, blocks and the position in the log.',
    path(),
  ),
  modelDir: row(
    'model_dir',
    '/var/lib/modwarden/models',
    'Trained models. Without one, the base model that ships with the program scores.',
    path(),
  ),
  mode: row('mode', 'enforce', '"enforce" blocks; "observe" does everything but the firewall.', oneOf('enforce', 'observe')),
  observeReasons: row(
    'observe_reasons',
    [],
    'Reasons for which nothing is blocked, only noted what would have been: "high-score", "repeated", "too-many".',
    listOf('high-score', 'repeated', 'too-many'),
  ),
  threatScore: row('threat_score', 5, 'A request that scores higher is a threat.', between(0, 10)),
  repeatScore: row('repeat_score', 6, 'After more than repeat_count threats, one that scores higher blocks its address.', between(0, 10)),
  highScore: row('high_score', 7, 'From here on a score is called high in reports.', between(0, 10)),
  healthMinDetections: row(
    'health_min_detections',
    100,
    'With fewer detections (threats) in the time of a report, the model is not judged.',
    whole(1, 1_000_000_000),
  ),
  tooSensitiveShare: row(
    'too_sensitive_share',
    0.3,
    'The model is too sensitive when more than this share of its detections scores above high_score.',
    between(0, 1),
  ),
  tooLenientShare: row(
    'too_lenient_share',
    0.05,
    'The model is too lenient when less than this share scores above high_score and the WAF denied requests that scored threat_score or less.',
    between(0, 1),
  ),
  driftLimit: row(
    'drift_limit',
    0.75,
    'Ordinary traffic has drifted when its median score lies further than this from what training promises (0.75).',
    between(0, 10),
  ),
  blockScore: row('block_score', 8, 'A single request that scores higher blocks its address at once.', between(0, 10)),
  repeatCount: row('repeat_count', 5, 'How many threats an address may make before repeat_score applies.', whole(0, 1_000_000)),
  maxCount: row('max_count', 10, 'An address with more threats in the window is blocked.', whole(0, 1_000_000)),
  interceptedScore: row(
    'intercepted_score',
    3,
    'A request that the WAF itself denied is a threat from this score on (0: always, above 10: never).',
    between(0, 11),
  ),
  countWindow: row('count_window', '24h', 'Threats older than this no longer count.', duration()),
  busyAfter: row(
    'busy_after',
    200,
    'An address with more events than this in the window is busy: it is blocked only if busy_share of them are threats.',
    whole(0, 1_000_000_000),
  ),
  busyShare: row(
    'busy_share',
    0.05,
    'The share of threats that makes a busy address an attacker. What the WAF denied counts in full and is exempt.',
    between(0, 1),
  ),
  blockTime: row('block_time', '1h', 'How long an address stays blocked, from the decision on (-1: for ever).', duration()),
  blockTimeFactor: row(
    'block_time_factor',
    2,
    'Each further block within block_memory lasts so many times as long (1: no longer).',
    between(1, 100),
  ),
  blockTimeMax: row('block_time_max', '7d', 'No repeated block lasts longer than this (-1: no limit).', duration()),
  blockMemory: row('block_memory', '30d', 'A block counts as an earlier one for so long after its end.', duration()),
  allowlist: row(
    'allowlist',
    [],
    "Addresses and CIDRs that are never counted or blocked. Loopback and this machine's own addresses always belong to it.",
    networks(),
  ),
  ipv6Prefix: row('ipv6_prefix', 64, 'IPv6 is counted and blocked by prefixes of this length.', whole(16, 128)),
  trustedProxies: row(
    'trusted_proxies',
    [],
    'Addresses and CIDRs of proxies in front of the web server; what they say about the client in client_ip_header is believed. Never blocked.',
    networks(),
  ),
  clientIpHeader: row(
    'client_ip_header',
    '',
    'The header in which the proxies name the client: "X-Forwarded-For", "Forwarded", "CF-Connecting-IP" …; its right-most address that is no trusted proxy counts.',
    headerName(),
  ),
  deniedFile: row(
    'denied_file',
    '/run/modwarden/denied',
    'With trusted_proxies: the blocked addresses and when each block ends, for the scoring server, which refuses what no packet filter can.',
    path(),
  ),
  subnetCount: row(
    'subnet_count',
    0,
    'When more than this many addresses of one IPv4 /24 are blocked, the whole /24 is blocked (0: never; one that holds an allowed address never is).',
    whole(0, 255),
  ),
  maxBlocks: row(
    'max_blocks',
    100_000,
    'The most blocks that stand at a time; when there are that many, the one with the least time left makes room.',
    whole(1, 1_000_000),
  ),
  firewall: row(
    'firewall',
    'auto',
    '"iptables": one DROP rule an address; "ipset": one DROP rule and a set (needs CAP_NET_RAW); "nftables": sets in a table of our own; "auto": iptables up to 1,000 blocks, nftables above; "dry-run": say it, touch nothing.',
    oneOf('auto', 'iptables', 'ipset', 'nftables', 'dry-run'),
  ),
  chains: row(
    'chains',
    ['INPUT'],
    'Chains of the filter table that jump to ours; one that is not there yet is waited for. For containers: ["INPUT", "DOCKER-USER"].',
    chainNames(),
  ),
  brakeAddresses: row(
    'brake_addresses',
    20,
    'Automatic blocking pauses when more addresses than this were blocked within an hour on the word of the model or of the rules alone (0: never) …',
    whole(0, 1_000_000),
  ),
  brakeShare: row('brake_share', 0.05, '… and they are more than this share of all addresses seen …', between(0, 1)),
  brakeFactor: row('brake_factor', 3, '… and more than so many times the busiest hour of the last 7 days.', between(0, 1000)),
  silenceAfter: row(
    'silence_after',
    'auto',
    'A log without an entry for longer than this is told to be silent (-1: never). "auto" learns from four weeks what is usual at a time of the week; never less than 15 min.',
    durationOrAuto(),
  ),
  retention: row('retention', '30d', 'Events, threats and ended blocks older than this are deleted.', duration()),
  maxEvents: row(
    'max_events',
    1_000_000,
    'The most events that are kept; the busiest addresses lose their own oldest first.',
    whole(1000, 100_000_000),
  ),
  verifiedCrawlers: row(
    'verified_crawlers',
    [],
    'Domains of crawlers such as "googlebot.com", "search.msn.com": a blocked address whose name (reverse DNS) lies under one of them, and whose name gives the address again, is allowed for a week. modwarden-notify looks that up.',
    domainNames(),
  ),
  outboxDir: row(
    'outbox_dir',
    '/var/lib/modwarden-outbox',
    'Where the daemon puts what modwarden-notify is to send or to look up.',
    path(),
  ),
  notifyDir: row(
    'notify_dir',
    '/var/lib/modwarden-notify',
    'Where modwarden-notify keeps what it has sent, and the crawlers that it has verified.',
    path(),
  ),
  // Tables come last, as in a TOML file.
  ...SCORE_SETTINGS,
} as const satisfies Record<string, Setting<unknown>>

export type Settings = ValuesOf<typeof SETTINGS>

/** Reads the settings of one or more parsed files, later ones winning; every problem comes back at once, each as `file: key: what, got`. */
export function parseSettings(files: readonly FileValues[]): { ok: true; value: Settings } | { ok: false; problems: string[] } {
  const { values: whole, problems } = parseRows(SETTINGS, files)
  if (problems.length > 0) return { ok: false, problems }
  if (whole.repeatScore > whole.blockScore)
    problems.push(`repeat_score: must not be above block_score, got ${whole.repeatScore} and ${whole.blockScore}`)
  if (whole.trustedProxies.length > 0 && whole.clientIpHeader === '')
    problems.push('client_ip_header: must name the header in which trusted_proxies name the client, such as X-Forwarded-For, got nothing')
  const everybody = whole.trustedProxies.find(network => network.endsWith('/0'))
  if (everybody !== undefined) problems.push(`trusted_proxies: must not hold everybody, or nobody can ever be blocked, got ${everybody}`)
  if (whole.threatScore > whole.repeatScore)
    problems.push(`threat_score: must not be above repeat_score, got ${whole.threatScore} and ${whole.repeatScore}`)
  if (whole.tooLenientShare > whole.tooSensitiveShare)
    problems.push(`too_lenient_share: must not be above too_sensitive_share, got ${whole.tooLenientShare} and ${whole.tooSensitiveShare}`)
  const unseen = whole.chains.find(chain => hookOf(chain) === undefined)
  if (whole.firewall === 'nftables' && unseen !== undefined)
    problems.push(
      `chains: a table of nftables sees only INPUT, FORWARD and DOCKER-USER, got ${unseen}; set firewall = "iptables" or "ipset"`,
    )
  return problems.length === 0 ? { ok: true, value: whole } : { ok: false, problems }
}
