// Follows a log and keeps what it reads in SQLite, in one transaction with the reading state; made to be killed.
// node kill-child.ts LOG DATABASE
import Sqlite from 'better-sqlite3'
import { createSplitter } from '../../../src/core/entry/split.ts'
import { followAuditLogs } from '../../../src/edge/follow.ts'
import { createPositions } from '../../../src/edge/store/positions.ts'

const [log, path] = process.argv.slice(2) as [string, string]
const database = new Sqlite(path)
database.pragma('journal_mode = WAL')
database.exec(`CREATE TABLE IF NOT EXISTS items (text TEXT);
  CREATE TABLE IF NOT EXISTS positions (log, place, device, inode, offset, tail, head, done, PRIMARY KEY (log, place))`)
const positions = createPositions(database)
const add = database.prepare('INSERT INTO items VALUES (?)')
const options = { fromStart: true, createSplitter, now: Date.now, notice: () => {}, quietMillis: 250, graceMillis: 300 }
const from = positions.of(log)
for await (const batch of followAuditLogs([log], () => ({ ...options, from }), { signal: new AbortController().signal, pollMillis: 20 })) {
  database
    .transaction(() => {
      for (const item of batch.items) add.run(item.kind === 'entry' ? (/"unique_id":"([^"]+)"/.exec(item.text)?.[1] ?? '?') : item.problem)
      positions.save(log, batch.files)
    })
    .immediate()
}
