import type { TrainingItem } from '../../core/training/item.ts'
import { progressLine } from '../../core/training/progress-line.ts'
import type { TrainingSource } from './source.ts'

/** What progress is written to; nothing is written unless it is a terminal. */
export type Terminal = { isTTY?: boolean; columns?: number; write(text: string): unknown }

export type WatchOptions = { label: string; terminal?: Terminal; seconds?: () => number }

const DEFAULT_COLUMNS = 80
/** The clock is asked once in so many requests, and the line is written so often a second at most. */
const EVERY_REQUESTS = 64
const PER_SECOND = 8
const CLEAR_LINE = '\r\x1b[K'

/** Reads a source and shows on a terminal how far it is; the line is gone when the reading ends, however it ends. Plain text, no colours. */
export async function* watchSource(
  source: Pick<TrainingSource, 'read' | 'totalBytes'>,
  { label, terminal = process.stderr, seconds = () => performance.now() / 1000 }: WatchOptions,
): AsyncGenerator<TrainingItem> {
  if (!terminal.isTTY) return yield* source.read()
  const startedAt = seconds()
  let writtenAt = Number.NEGATIVE_INFINITY
  let [bytes, requests, items] = [0, 0, 0]
  const show = (now: number) => {
    const { totalBytes } = source
    const line = progressLine(
      { label, bytes, totalBytes, requests, elapsedSeconds: now - startedAt },
      (terminal.columns || DEFAULT_COLUMNS) - 1,
    )
    terminal.write(`${CLEAR_LINE}${line}`)
    writtenAt = now
  }
  try {
    for await (const item of source.read(count => (bytes += count))) {
      if (item.ok) requests += 1
      if (items++ % EVERY_REQUESTS === 0) {
        const now = seconds()
        if (now - writtenAt >= 1 / PER_SECOND) show(now)
      }
      yield item
    }
  } finally {
    terminal.write(CLEAR_LINE)
  }
}
