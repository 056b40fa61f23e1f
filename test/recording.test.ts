import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { parseEntry } from '../src/core/entry/parse.ts'
import { createSplitter } from '../src/core/entry/split.ts'
import { createLocalOffset } from '../src/core/entry/time.ts'
import { addressKey } from '../src/core/ip.ts'
import { parseSettings } from '../src/core/settings.ts'
import type { AuditEvent, Entry } from '../src/core/types.ts'
import { loadBaseModel } from '../src/edge/model-file.ts'
import { openStore } from '../src/edge/store/store.ts'
import { handleBatch } from '../src/pipeline.ts'

type Client = { ip: string; role: string; expected: string | null; requests: number; denied: number }

const folder = new URL('fixtures/recording/', import.meta.url)
const clients = JSON.parse(readFileSync(new URL('clients.json', folder), 'utf8')) as Client[]
const items = readItems(gunzipSync(readFileSync(new URL('audit.log.gz', folder))))
const parseContext = { localOffsetMinutes: createLocalOffset() }
const events = items.map(parse)

function readItems(log: Buffer): Entry[] {
  return createSplitter({ offset: 0 })
    .push(log)
    .map(piece => {
      assert.ok(piece.kind === 'entry')
      const { start, end, format, text, trust } = piece
      return { kind: 'entry', log: '/log', inode: 1n, offset: start, length: end - start, format, text, trust }
    })
}

function parse(entry: Entry): AuditEvent {
  const parsed = parseEntry(entry, parseContext)
  assert.ok(parsed.ok)
  return parsed.value
}

test('the recording holds what its clients sent, and nothing in the name of anybody else', () => {
  const known = clients.map(({ ip }) => addressKey(ip, 64))
  const foundOf = (key: string) => events.filter(event => addressKey(event.ip, 64) === key)
  assert.deepEqual(
    known.map(key => ({ key, requests: foundOf(key).length, denied: foundOf(key).filter(event => event.intercepted).length })),
    clients.map(({ requests, denied }, index) => ({ key: known[index], requests, denied })),
  )
  assert.equal(
    events.length,
    clients.map(client => client.requests).reduce((sum, requests) => sum + requests),
  )
})

test('the recording brings every automatic reason to block, for each attacker the one that belongs to it, and nobody else is blocked', () => {
  const settings = parseSettings([{ name: 'test', values: {} }])
  const model = loadBaseModel()
  assert.ok(settings.ok && model.ok)
  const now = Math.max(...events.map(event => event.at))
  const store = openStore(':memory:', { create: true })
  const pipeline = {
    store,
    model: () => model.value,
    settings: () => settings.value,
    isAllowed: () => false,
    clock: () => now,
    parseContext,
  }
  const { blocks } = handleBatch({ log: '/log', items, files: [], lostBytes: 0, pendingBytes: 0 }, pipeline)
  store.close()
  const found = Object.fromEntries(blocks.map(({ ip, reason }) => [ip, reason]))
  assert.deepEqual(found, Object.fromEntries(clients.flatMap(({ ip, expected }) => (expected ? [[addressKey(ip, 64), expected]] : []))))
  assert.deepEqual([...new Set(Object.values(found))].sort(), ['high-score', 'repeated', 'too-many'])
})

test('the customer whom a WAF rule hits by mistake was denied more often than threats are allowed', () => {
  const customer = clients.find(({ role }) => role.includes('by mistake'))
  assert.ok(customer !== undefined && customer.denied > 10 && customer.expected === null)
})
