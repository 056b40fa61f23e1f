import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** So many reports are kept of each kind. */
export const MOST_REPORTS = 60

const NAME = /^report-\d{4}-\d{2}-\d{2}\.(json|html)$/

/** Writes a report of a day (`2026-11-25`) as JSON and HTML into a folder of reports (0750, files 0640), in the place of an earlier one of that day; the oldest
 *  beyond 60 days go. Gives the paths. */
export function saveReport(folder: string, day: string, { json, html }: { json: string; html: string }): string[] {
  // Whatever the umask: members of the group may read.
  if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o750)
  const paths = [writeWhole(join(folder, `report-${day}.json`), json), writeWhole(join(folder, `report-${day}.html`), html)]
  for (const kind of ['.json', '.html']) {
    const reports = readdirSync(folder).filter(name => NAME.test(name) && name.endsWith(kind))
    for (const name of reports.sort().slice(0, -MOST_REPORTS)) rmSync(join(folder, name))
  }
  return paths
}

/** Writes a file that members of the group may read; nobody ever sees half of it. */
function writeWhole(path: string, text: string): string {
  writeFileSync(`${path}.new`, text, { mode: 0o640, flush: true })
  chmodSync(`${path}.new`, 0o640)
  renameSync(`${path}.new`, path)
  return path
}
