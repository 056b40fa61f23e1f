import { chmodSync, existsSync, renameSync, writeFileSync } from 'node:fs'
import type { Millis } from '../core/types.ts'

type Denied = { ip: string; expires_at: Millis | null }

/** More addresses than this are not written: those with the least time left are left out. */
export const MOST_DENIED = 100_000

/** Writes what the scoring server refuses: `ADDRESS[/PREFIX] EXPIRES` a line, in seconds since 1970, `-` for a block that never ends. */
export function deniedText(rows: readonly Denied[]): string {
  return rows.map(({ ip, expires_at }) => `${ip} ${expires_at === null ? '-' : Math.ceil(expires_at / 1000)}\n`).join('')
}

/** Keeps the file of refused addresses: `update` replaces it by rename when what it should hold has changed; a reader never sees half of it.
 *  Where nobody asks for the file (`isWanted`), an empty one is only written over one that is there. Throws when it cannot be written. */
export function createDeniedFile(): { update(path: string, rows: readonly Denied[], isWanted: boolean): void } {
  let written: string | undefined
  return {
    update(path, rows, isWanted) {
      const text = deniedText(rows)
      const key = `${path}\n${text}`
      if (key === written || (text === '' && !isWanted && !existsSync(path))) return
      writeFileSync(`${path}.new`, text)
      // Whatever the umask: whoever scores reads it under another user.
      chmodSync(`${path}.new`, 0o644)
      renameSync(`${path}.new`, path)
      written = key
    },
  }
}
