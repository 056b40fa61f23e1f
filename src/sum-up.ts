import { addCounts, type Counts, type DropReason, type Message, messageName, readMessage, readName } from './core/notification/message.ts'
import type { Millis } from './core/types.ts'
import type { OutboxFiles } from './edge/notification/outbox-files.ts'

/** Puts one message that says how many there were in the place of some, given in their order; gives the numbers but for those
 *  that were counted before. That message is written first: who
 *  is killed in between leaves some of them counted and there, none gone and uncounted. */
export async function sumUp(
  files: OutboxFiles,
  names: readonly string[],
  { why, id, now }: { why: DropReason; id: string; now: Millis },
): Promise<Counts> {
  let counts: Counts = {}
  let fresh: Counts = {}
  let since = now
  for (const name of names) {
    const found = readName(name)
    if (found === undefined) continue
    const before = found.kind === 'dropped' ? await readDropped(files, name) : undefined
    counts = addCounts(counts, before?.counts ?? { [found.kind]: 1 })
    if (before === undefined) fresh = addCounts(fresh, { [found.kind]: 1 })
    since = Math.min(since, before?.since ?? found.at)
  }
  const message: Message = { kind: 'dropped', id, at: now, since, why, counts }
  // In their place; what was late must not be so again at once.
  const number = why === 'late' ? now * 1000 : readName(names.at(-1)!)!.number
  const sum = messageName(number, message)
  await files.put(sum, JSON.stringify(message))
  for (const [index, name] of names.entries()) {
    try {
      await files.remove(name)
    } catch (error) {
      // Where nothing can be removed, each attempt would add another sum.
      if (index === 0) await files.remove(sum).catch(() => {})
      throw error
    }
  }
  return fresh
}

async function readDropped(files: OutboxFiles, name: string): Promise<(Message & { kind: 'dropped' }) | undefined> {
  try {
    const read = readMessage(await files.read(name))
    return read.ok && read.value.kind === 'dropped' ? read.value : undefined
  } catch {
    return undefined
  }
}
