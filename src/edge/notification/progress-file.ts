import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Progress } from '../../core/notification/due.ts'
import type { Millis } from '../../core/types.ts'
import { writeWhole } from '../write-whole.ts'

/** What of a channel's progress outlives the process. `done`: messages that are delivered, but still in the outbox; `told`: when which occurrence was
 *  told, of those that a journal repeats. */
export type Saved = Pick<Progress, 'sent' | 'digests'> & { done: readonly string[]; told: Readonly<Record<string, Millis>> }

const names = v.array(v.string())
const Schema = v.object({
  sent: v.record(v.string(), v.array(v.number())),
  digests: v.record(v.string(), v.object({ id: v.string(), names })),
  done: names,
  told: v.record(v.string(), v.number()),
})

export type ProgressFile = { read(): Saved; write(saved: Saved): void }

/** Opens the file of a channel's progress in a folder; one that is not there or damaged says that nothing was delivered. */
export function openProgressFile(folder: string, name: string): ProgressFile {
  const path = join(folder, `${name}.json`)
  return {
    read() {
      try {
        return v.parse(Schema, JSON.parse(readFileSync(path, 'utf8')))
      } catch {
        return { sent: {}, digests: {}, done: [], told: {} }
      }
    },
    write: saved => writeWhole(path, JSON.stringify(saved)),
  }
}
