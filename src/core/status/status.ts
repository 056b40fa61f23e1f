import type { PluginMode } from '../inline-scoring.ts'
import type { Silence } from '../silence/silence.ts'

/** What `status --json` prints, but for the verdict: times are ISO 8601 UTC, null where nothing is known. */
export type StatusFacts = {
  running: boolean
  responding: boolean
  mode: 'enforce' | 'observe'
  /** What the settings say now; the daemon takes it over when it starts. */
  settings_mode: 'enforce' | 'observe'
  settings_firewall: string
  started_at: string | null
  /** When the daemon ended; null while it runs, and when it was killed. */
  stopped_at: string | null
  /** When it last said that it lives. */
  alive_at: string | null
  /** Since when it runs without anything that is known to be wrong. */
  sound_since: string | null
  pid: number | null
  version: string | null
  model: string | null
  firewall: string
  firewall_backend: string | null
  firewall_in_step: boolean
  firewall_problem: string | null
  database_problem: string | null
  denied_file_problem: string | null
  brake: { paused_at: string | null; addresses: number; clients: number; usual: number; model: string } | null
  logs: LogStatus[]
  inline_scoring: InlineStatus[]
  last_entry_at: string | null
  entries_per_second: number
  model_health: {
    model_status: string
    reason: string
    detections: number
    high: number
    median: number | null
    drifted: boolean
    drift: string
  }
  parsed: number
  skipped: number
  lost_bytes: number
  threats: number
  threats_in_window: number
  active_blocks: number
  pending_blocks: number
  /** Since when the longest of them waits. */
  pending_since: string | null
  max_blocks: number
  evicted_blocks: number
  observed_blocks: number
  observe_reasons: readonly string[]
  proxied_blocks: number
}

export type LogStatus = {
  path: string
  inode: number | null
  offset: number | null
  lag_bytes: number | null
  /** How old the last event is that was read, while there is more to read. */
  lag_seconds: number
  /** How old events are as they come, where that is too old to start a block; else 0. */
  late_seconds: number
  /** Nothing has that name now, though the daemon may still read what had it. */
  missing: boolean
  problem: string | null
  silence: (Omit<Silence, 'since'> & { since: string | null }) | null
}

export type InlineStatus = {
  log: string
  modes: { mode: PluginMode; last_seen_at: string | null; can_let_through: boolean }[]
  last_score_at: string | null
}
