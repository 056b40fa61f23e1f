import { type FSWatcher, realpathSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Wakes a waiting reader when something happens to a log: one watch on its folder, and a slow poll for what no watch sees
 *  (another file system, a symlink that changes, a folder that is not there yet). */
export function createWaker(logs: readonly string[], pollMillis: number) {
  const watchers = new Map<string, { folder: string; watcher: FSWatcher }>()
  let isAwake = false
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
      })
      watchers.set(log, { folder, watcher })
    } catch {
      // No folder yet, or no watches left: the poll does it.
    }
  }

  return {
    /** Waits for a sign of life, the poll or the signal. */
    async wait(signal: AbortSignal): Promise<void> {
      for (const log of logs) watchLog(log)
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
