import { isRunning, readStatusFile, statusPath } from '../edge/status-file.ts'

/** Says on stderr that what a command wrote down waits, when no daemon is there to do it. */
export function tellIfStopped({ database }: { database: string }): void {
  const state = readStatusFile(statusPath(database))
  if (state !== undefined && isRunning(state)) return
  process.stderr.write('modwarden: the daemon is not running: this is noted, and takes effect when it starts (systemctl start modwarden)\n')
}
