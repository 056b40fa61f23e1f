import { closeSync, fchmodSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Silence } from '../core/silence/silence.ts'
import type { Millis } from '../core/types.ts'

/** What only the running daemon knows; `status` shows it beside what the database holds. */
export type DaemonState = {
  pid: number
  /** When that process began, in the kernel's own count: its number comes back for another one, also after a boot. */
  birth?: string
  version: string
  started_at: Millis
  updated_at: Millis
  /** When it ended in good order. */
  stopped_at?: Millis
  /** Since when nothing is known to be wrong; undefined while something is. */
  sound_since?: Millis
  mode: 'enforce' | 'observe'
  firewall: string
  /** What holds the blocks now: `auto` chooses it. */
  firewall_backend: string
  /** Undefined while the firewall holds just what the table says. */
  firewall_problem?: string
  database_problem?: string
  denied_file_problem?: string
  model: string
  /** `last_at`: the time of the last event that came out of it; `late`: how old that was, where it came as it was written. */
  logs: { path: string; lag_bytes: number; last_at?: Millis; late?: Millis; problem?: string; silence?: Silence }[]
  last_entry_at: Millis | null
  entries_per_second: number
}

const SIZE = 4096

/** Gives the path of the state file that belongs to a database. */
export function statusPath(database: string): string {
  return `${database}.status`
}

/** Opens the state file. It is always one block, written in place: so it can be written on a full disk, and while somebody holds the database. */
export function openStatusFile(path: string): { write(state: Omit<DaemonState, 'pid' | 'birth'>): void; close(): void } {
  const fd = openSync(path, 'w', 0o640)
  fchmodSync(fd, 0o640)
  writeSync(fd, Buffer.alloc(SIZE, ' '), 0, SIZE, 0)
  const birth = birthOf(process.pid)
  return {
    write(rest) {
      const state = { pid: process.pid, ...(birth === undefined ? {} : { birth }), ...rest }
      const fits = (text: string) => Buffer.byteLength(text) <= SIZE
      const text = [state, { ...state, logs: state.logs.slice(0, 3) }].map(value => JSON.stringify(value)).find(fits)
      if (text === undefined) return
      try {
        writeSync(fd, text.padEnd(SIZE), 0, 'latin1')
      } catch {
        // A disk that fails or became read-only is told by the database; what is blocked must stay so all the same.
      }
    },
    close: () => closeSync(fd),
  }
}

/** Reads the state file; undefined when there is none or it was caught while being written. */
export function readStatusFile(path: string): DaemonState | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DaemonState
  } catch {
    return undefined
  }
}

/** Says whether the process that wrote a state still runs. */
export function isRunning({ pid, birth, stopped_at }: DaemonState): boolean {
  if (stopped_at !== undefined) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  // Of a process that cannot be looked at nothing more can be said.
  return birth === undefined || (birthOf(pid) ?? birth) === birth
}

/** When a process began, in clock ticks since the boot (proc(5), field 22 of stat); undefined where that cannot be seen. */
function birthOf(pid: number): string | undefined {
  try {
    // The name of the program, in parentheses, may hold anything.
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop()!.split(' ')[19]
  } catch {
    return undefined
  }
}
