import type { Settings } from '../settings.ts'
import type { Millis, Result } from '../types.ts'
import type { FilterTable } from './filter-table.ts'
import type { TailSummary } from './log-tail.ts'
import type { RotationRule } from './logrotate.ts'
import type { WebConfig } from './web-config.ts'

/** Who a process runs as. */
export type Account = { name: string; uid: number; gid: number; groups: readonly number[] }

/** A unit as systemd knows it; names and words are systemd's. */
export type Unit = {
  id: string
  isLoaded: boolean
  active: string
  enabled: string
  result: string
  exitStatus: number
  restarts: number
  pid: number
  ambient: string
}

/** A file or folder as `stat` sees it. `kind` is what it is. */
export type FileFacts = {
  kind: 'file' | 'folder' | 'other'
  mode: number
  uid: number
  gid: number
  size: number
  mtime: Millis
  device: string
  inode: string
}

/** Free room where a path lies, for a user without privileges; `filesFree` is undefined where the file system does not count files. */
export type Disk = { bytes: number; bytesFree: number; filesFree: number | undefined }

/** An audit log with the eyes of the service's user. */
export type LogFacts = {
  path: string
  file: FileFacts | undefined
  /** Why it cannot be read, with the first thing on the way that forbids it. */
  problem: { code: string; message: string; at: string } | undefined
  tail: TailSummary | undefined
  /** Whether a rotated file beside it holds something. */
  hasRotated: boolean
  disk: Disk | undefined
}

/** What the running daemon says of itself. */
export type DaemonFacts = {
  /** What keeps the service's user from reading the settings. */
  settingsProblem: string | undefined
  state: {
    pid: number
    isRunning: boolean
    updatedAt: Millis
    startedAt: Millis
    mode: string
    backend: string
    problems: readonly string[]
  } | null
}

export type DatabaseFacts = {
  path: string
  exists: boolean
  /** Why it cannot be used, and whether the file itself is damaged. */
  problem: { message: string; isDamaged: boolean } | undefined
  /** Why the service's user cannot write it, or files beside it. */
  writeProblem: string | undefined
  disk: Disk | undefined
  logs: readonly {
    path: string
    /** How far its files are read that are not done. */
    files: readonly { inode: string; offset: number }[]
    /** When its last event came out. */
    eventAt: Millis | null
    /** How many pieces could not be read since. */
    skipped: number
  }[]
}

export type ModelFacts = { problem: string | undefined; version: string; isBase: boolean; trainedAt: Millis }

/** What the web server's user can do. */
export type WebUserFacts = {
  user: string
  scorer: { path: string; exists: boolean; problem: string | undefined; status: number | undefined }
  /** The scorer that the plugin asks in the place of ours, and what keeps the user from it. */
  otherScorer: { url: string; problem: string | undefined } | undefined
  /** The logs and folders of logs that it can write. */
  writable: readonly string[]
}

/** A file like one of the logs that a web server holds open to write. */
export type HeldFile = { pid: number; program: string; path: string; isDeleted: boolean; device: string; inode: string; size: number }

export type WebServers = {
  /** Running processes by name, as /proc knows them. */
  running: readonly { pid: number; program: string; account: Account; isMaster: boolean }[]
  held: readonly HeldFile[]
}

/** The running daemon; `hidden` are logs that its sandbox keeps from it although they are there. */
export type ProcessFacts = { capabilities: bigint; filesOpen: number; filesMost: number; hidden: readonly string[] }

/** `manager` installs packages here. */
export type ProgramFacts = { missing: readonly string[]; iptables: 'nft' | 'legacy' | undefined; manager: 'apt-get' | 'dnf' }

export type FirewallFacts = {
  hasIpv6: boolean
  ipv4: Result<FilterTable>
  ipv6: Result<FilterTable>
  /** The hooks of our table of nftables; undefined when there is no such table. */
  table: Result<readonly string[] | undefined>
}

/** The parts that are looked at one by one; each may fail or be late without the others. */
export type Parts = {
  settings: Settings
  units: readonly Unit[]
  daemon: DaemonFacts
  process: ProcessFacts
  programs: ProgramFacts
  logs: readonly LogFacts[]
  web: readonly WebConfig[]
  servers: WebServers
  rotation: readonly RotationRule[]
  firewall: FirewallFacts
  database: DatabaseFacts
  model: ModelFacts
  webUser: WebUserFacts
}

export type Facts = { readonly [P in keyof Parts]: Result<Parts[P]> } & {
  now: Millis
  /** The user whose eyes look at logs, database and models; undefined when only root can look with them. */
  serviceUser: string
  /** Numbers of groups and users to names, as far as they are known. */
  names: { user: (uid: number) => string; group: (gid: number) => string }
  serviceGroups: readonly number[]
  /** The folder of the settings files that come last. */
  settingsFolder: string
}
