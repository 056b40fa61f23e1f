import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { createSplitter, type Piece } from '../../src/core/entry/split.ts'
import { type FoundEntry, rereadEntry } from '../../src/edge/reread-entry.ts'
import { auditLog, CONCURRENT, SERIAL, tree } from '../core/entry/corpus.ts'

const folder = mkdtempSync(join(tmpdir(), 'modwarden-reread-'))
after(() => rmSync(folder, { recursive: true }))

function split(bytes: Buffer): (Piece & { kind: 'entry' })[] {
  const splitter = createSplitter({ offset: 0 })
  return [...splitter.push(bytes), ...splitter.settle(), ...splitter.finish()].filter(piece => piece.kind === 'entry')
}

const isSame = (entry: Piece) => (found: FoundEntry) => 'text' in entry && found.text === entry.text

const GONE = 'its entry is no longer in the log or the rotated files beside it'
const outcome = (found: FoundEntry | string) => (typeof found === 'string' ? found : [found.format, found.text])

/** A log with real entries, and how to read one of them again. */
function openLog(name = 'v3-json-serial') {
  const log = join(mkdtempSync(join(folder, 'log-')), 'audit.log')
  const bytes = auditLog(name)
  writeFileSync(log, bytes)
  const entries = split(bytes)
  const { ino: inode, mtimeMs: at } = { ino: statSync(log, { bigint: true }).ino, mtimeMs: statSync(log).mtimeMs }
  const reread = async (entry: Piece, { isIt = isSame(entry), storageDir = '' } = {}) => {
    const found = await rereadEntry(
      { log, inode, offset: entry.start, length: entry.end - entry.start, at },
      { storageDir, auditLogs: [log] },
      isIt,
    )
    return found.ok ? found.value : found.problem
  }
  return { log, bytes, entries, reread }
}

for (const name of SERIAL)
  test(`every entry of ${name} is read again as it was`, async () => {
    const { entries, reread } = openLog(name)
    assert.ok(entries.length > 50)
    for (const entry of entries) assert.deepEqual(outcome(await reread(entry)), [entry.format, entry.text])
  })

for (const name of CONCURRENT)
  test(`every transaction that the index of ${name} names is read again from its file`, async () => {
    const { log, entries, reread } = openLog(name)
    for (const [path, bytes] of tree(name)) {
      mkdirSync(dirname(join(dirname(log), path)), { recursive: true })
      writeFileSync(join(dirname(log), path), bytes)
    }
    assert.ok(entries.length > 50)
    for (const entry of entries) {
      const found = await reread(entry, { isIt: () => true, storageDir: join(dirname(log), 'tree') })
      assert.ok(typeof found !== 'string' && found.format !== 'index-line', name)
    }
  })

const rotations: { name: string; rotate: (log: string, bytes: Buffer) => void }[] = [
  { name: 'renamed', rotate: log => renameSync(log, `${log}.1`) },
  {
    name: 'renamed twice, with a new log in its place',
    rotate: log => {
      renameSync(log, `${log}.2`)
      writeFileSync(`${log}.1`, auditLog('v2-json-serial'))
      writeFileSync(log, auditLog('v2-json-serial'))
    },
  },
  {
    name: 'copied and truncated',
    rotate: (log, bytes) => {
      writeFileSync(`${log}.1`, bytes)
      truncateSync(log)
    },
  },
  {
    name: 'packed by gzip',
    rotate: (log, bytes) => {
      rmSync(log)
      writeFileSync(`${log}.2.gz`, gzipSync(bytes))
    },
  },
  {
    name: 'packed by zstd',
    rotate: (log, bytes) => {
      rmSync(log)
      writeFileSync(`${log}.2.zst`, zstdCompressSync(bytes))
    },
  },
]
for (const { name, rotate } of rotations)
  test(`an entry is found in a log that was ${name}`, async () => {
    const { log, bytes, entries, reread } = openLog()
    rotate(log, bytes)
    for (const entry of [entries[0]!, entries.at(-1)!]) assert.deepEqual(outcome(await reread(entry)), [entry.format, entry.text])
  })

test('an entry that is gone is not found, whatever stands in its place', async () => {
  const { log, entries, reread } = openLog()
  const entry = entries[3]!
  writeFileSync(log, auditLog('v3-json-serial').subarray(entries[1]!.end))
  assert.equal(await reread(entry), GONE)
  writeFileSync(log, Buffer.alloc(1_000_000, '{'))
  assert.equal(await reread(entry), GONE)
  writeFileSync(`${log}.1.gz`, gzipSync(auditLog('v3-json-serial')).subarray(0, 100))
  assert.equal(await reread(entry), GONE, 'a broken packed file')
  rmSync(log)
  assert.equal(await reread(entry), GONE)
  mkdirSync(log)
  assert.equal(await reread(entry), GONE, 'a folder')
  rmSync(log, { recursive: true })
  symlinkSync(log, log)
  assert.equal(await reread(entry), `${log} cannot be read (ELOOP)`)
})

test('a packed file that ended before the entry was written is not unpacked', async () => {
  const { log, bytes, entries, reread } = openLog()
  rmSync(log)
  writeFileSync(`${log}.1.gz`, gzipSync(bytes))
  utimesSync(`${log}.1.gz`, 1, 1)
  assert.equal(await reread(entries[0]!), GONE)
})
