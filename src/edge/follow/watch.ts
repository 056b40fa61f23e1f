import { type FSWatcher, realpathSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** So often (ms) it is looked whether the folder to watch is still the same one. */
const REWATCH = 2000

/** Wakes a waiting reader when something happens to a log: one watch on its folder, and a slow poll for what no watch sees
 *  (another file system, a symlink that changes, a folder that is not there yet). */
export function createWaker(logs: readonly string[]) {
  const watchers = new Map<string, { folder: string; watcher: FSWatcher }>()
  let isAwake = false
  let lookAt = 0
  let wake = () => {}

  const stir = () => {
    isAwake = true
    wake()
  }

  function watchLog(log: string): void {
    const real = realPath(log)
    const folder = dirname(real)
    if (watchers.get(log)?.folder === folder) return
    watchers.get(log)?.watcher.close()
    watchers.delete(log)
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) =>
        name === null || name.startsWith(basename(real)) ? stir() : undefined,
      )
      // A watch that fails later (its folder went away) is made anew at the next poll.
      watcher.on('error', () => {
        watcher.close()
        watchers.delete(log)
        lookAt = 0
      })
      watchers.set(log, { folder, watcher })
    } catch {
      // No folder yet, or no watches left: the poll does it.
    }
  }

  return {
    /** Waits for a sign of life, the poll or the signal. */
    async wait(signal: AbortSignal, pollMillis: number): Promise<void> {
      if (performance.now() >= lookAt) {
        lookAt = performance.now() + REWATCH
        for (const log of logs) watchLog(log)
      }
      if (isAwake || signal.aborted) {
        isAwake = false
        return
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, pollMillis)
      wake = resolve
      signal.addEventListener('abort', resolve as () => void, { once: true })
      await promise
      clearTimeout(timer)
      signal.removeEventListener('abort', resolve as () => void)
      wake = () => {}
      isAwake = false
    },
    close(): void {
      for (const { watcher } of watchers.values()) watcher.close()
    },
  }
}

function realPath(log: string): string {
  try {
    return realpathSync(log)
  } catch {
    return log
  }
}
