import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** So many reports are kept of each kind. */
export const MOST_REPORTS = 60

const NAME = /^report-\d{4}-\d{2}-\d{2}\.(json|html)$/

/** Writes a report of a day (`2026-11-25`) as JSON and HTML into a folder of reports (0750, files 0640), in the place of an earlier one of that day; the oldest
 *  beyond 60 days go. Gives the paths. */
export function saveReport(folder: string, day: string, { json, html }: { json: string; html: string }): string[] {
  if (mkdirSync(folder, { recursive: true }) !== undefined) share(folder, 0o750, dirname(folder))
  const paths = [writeWhole(join(folder, `report-${day}.json`), json), writeWhole(join(folder, `report-${day}.html`), html)]
  for (const kind of ['.json', '.html']) {
    const reports = readdirSync(folder).filter(name => NAME.test(name) && name.endsWith(kind))
    for (const name of reports.sort().slice(0, -MOST_REPORTS)) rmSync(join(folder, name))
  }
  return paths
}

/** Writes a file that members of the group may read; nobody ever sees half of it. */
function writeWhole(path: string, text: string): string {
  try {
    writeFileSync(`${path}.new`, text, { mode: 0o640, flush: true })
    share(`${path}.new`, 0o640, dirname(path))
    renameSync(`${path}.new`, path)
    return path
  } catch (error) {
    rmSync(`${path}.new`, { force: true })
    throw new Error(`cannot keep the report as ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** Lets the group of the folder above read, whatever the umask, and whoever wrote: the service or a command. */
function share(path: string, mode: number, above: string): void {
  const { uid } = statSync(path)
  const { gid } = statSync(above)
  try {
    chownSync(path, uid, gid)
  } catch {
    // No member of that group: then it is the writer's own group that may read.
  }
  chmodSync(path, mode)
}
