import type { LogStatus, StatusFacts } from '../../../src/core/status/status.ts'

export const NOW = Date.UTC(2026, 0, 5, 12)
export const ago = (seconds: number) => new Date(NOW - 1000 * seconds).toISOString()
const HOUR = 3600

export const LOG: LogStatus = {
  path: '/var/log/modsecurity/audit.log',
  inode: 7,
  offset: 120_000,
  lag_bytes: 0,
  lag_seconds: 0,
  late_seconds: 0,
  missing: false,
  problem: null,
  silence: null,
}

/** A daemon that does all that it should, for three days. */
export const FINE: StatusFacts = {
  running: true,
  responding: true,
  mode: 'enforce',
  settings_mode: 'enforce',
  settings_firewall: 'auto',
  started_at: ago(100 * HOUR),
  stopped_at: null,
  alive_at: ago(1),
  sound_since: ago(72 * HOUR),
  pid: 812,
  version: '0.1.0',
  model: '20260101-020000',
  firewall: 'auto',
  firewall_backend: 'nftables',
  firewall_in_step: true,
  firewall_problem: null,
  database_problem: null,
  denied_file_problem: null,
  brake: null,
  logs: [LOG],
  inline_scoring: [],
  last_entry_at: ago(3),
  entries_per_second: 1.5,
  model_health: {
    model_status: 'normal',
    reason: '3 of 200 detections are high',
    detections: 200,
    high: 3,
    median: 0.75,
    drifted: false,
    drift: 'as promised',
  },
  parsed: 120_345,
  skipped: 0,
  lost_bytes: 0,
  threats: 450,
  threats_in_window: 31,
  active_blocks: 12,
  pending_blocks: 0,
  pending_since: null,
  max_blocks: 100_000,
  evicted_blocks: 0,
  observed_blocks: 0,
  observe_reasons: [],
  proxied_blocks: 0,
}
export const BRAKE = { paused_at: ago(600), addresses: 21, clients: 300, usual: 2, model: '20260101-020000' }
export const DEAD = {
  running: false,
  responding: false,
  started_at: null,
  sound_since: null,
  pid: null,
  firewall_backend: null,
  firewall_in_step: false,
} as const
export const silence = (why: 'no-entry' | 'no-event' | 'shape') => ({
  why,
  since: ago(HOUR),
  problem: `it is ${why}`,
  remedy: 'modwarden doctor',
})
