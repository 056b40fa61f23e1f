/** Milliseconds since 1970-01-01 UTC. */
export type Millis = number

/** A canonical address (see core/ip.ts): never with a zone, never IPv4-mapped. */
export type Ip = string

/** What strangers can get wrong comes back as a value; only a broken world is thrown. */
export type Result<T> = { ok: true; value: T } | { ok: false; problem: string }

/** How one transaction is written. `index-line` is the line of a concurrent log that names the file with the transaction. */
export type Format =
  | 'v3-json'
  | 'v2-json'
  | 'v3-native'
  | 'v2-native'
  | 'coraza-json'
  | 'coraza-json-legacy'
  | 'coraza-native'
  | 'index-line'

/** Where reading of one file stands. `tail` is a fingerprint of the bytes before `offset`, `head` of the first bytes of the file. */
export type FileState = {
  device: bigint
  inode: bigint
  offset: number
  tail: string
  head: string
  /** The file was read to its end and left behind by a rotation; remembered so that a copy of it is not read again. */
  done: boolean
}

/** One transaction as its bytes stand in the log: one character a byte (latin-1), so nothing is lost in decoding. */
export type Entry = {
  kind: 'entry'
  log: string
  inode: bigint
  /** Bytes from the start of the followed file (of the index, when the log is concurrent). */
  offset: number
  length: number
  format: Format
  text: string
  /** `low`: may be text that a client sent (behind damage, or tampered with): kept, but it never counts against anybody. */
  trust: 'full' | 'low'
}

/** A stretch of the log that is no readable entry: counted and told, its content not kept. */
export type Skipped = { kind: 'skipped'; log: string; inode: bigint; offset: number; length: number; problem: string }

/** What the follower hands over at a time; `files` is the whole reading state of `log` once `items` are committed. */
export type Batch = {
  log: string
  items: readonly (Entry | Skipped)[]
  files: readonly FileState[]
  /** Bytes that a truncation destroyed before they could be read. */
  lostBytes: number
  /** Bytes of this log that are known to be there but not read yet. */
  pendingBytes: number
}

/** A request as far as the audit log holds it; strings have one character a byte (latin-1). */
export type HttpRequest = {
  method: string
  uri: string
  protocol: string
  headers: readonly (readonly [name: string, value: string])[]
  body: string | undefined
  /** Which headers are known: `few` (user agent and referer, as in an access log) or `none`; all when it does not say. */
  knownHeaders?: 'all' | 'few' | 'none'
  /** The site that served it, where somebody other than the client says so; else the Host header does. */
  site?: string
  /** The client wrote it so that two readers could take it for different requests. */
  oddFraming?: boolean
}

export type RuleMatch = { id: string; message: string; data: string; severity: string }

export type AuditEvent = {
  /** The transaction's unique id as logged. A client may choose it: never an identity. */
  id: string
  at: Millis
  ip: Ip
  port: number | undefined
  /** Undefined when the log has no request line (parts without B). */
  request: HttpRequest | undefined
  status: number | undefined
  matches: readonly RuleMatch[]
  inboundScore: number | undefined
  /** 0 to 10, only from our own or the how-to's rule ids. */
  loggedScore: number | undefined
  /** The WAF itself denied the request. */
  intercepted: boolean
  format: Format
}

/** One piece of the explanation of a score: what stood out, where in the request, and by how much. */
export type Reason = { feature: string; where: string; value: string; surprise: number }

export type BlockReason = 'high-score' | 'repeated' | 'too-many' | 'manual' | 'imported'

/** How a block is enforced: `firewall` drops packets; `proxied` is for a client behind a trusted proxy, whose address no packet carries: the scoring
 *  server refuses it; `observed` only notes what would have been done. */
export type Enforcement = 'firewall' | 'proxied' | 'observed'

/** `ip` is the counted address: an IPv4 address or an IPv6 prefix. */
export type Block = {
  ip: string
  reason: BlockReason
  score: number
  threatCount: number
  blockedAt: Millis
  expiresAt: Millis
  enforcement: Enforcement
  /** The how-manieth block of the address within the memory; 1 is the first. */
  step: number
}

/** An address or network to drop. `timeout`: after how many seconds the kernel may let go of it by itself, should nobody release it; undefined: never. */
export type Drop = { ip: string; timeout: number | undefined }

/** What the firewall must change. What stands in `renew` is dropped already, but ends at another time now. */
export type Plan = { block: readonly Drop[]; renew: readonly Drop[]; unblock: readonly string[] }

/** All that the firewall is to hold: what it drops, and what passes although a dropped network holds it. */
export type Wanted = { blocks: readonly Drop[]; passes: readonly string[] }
