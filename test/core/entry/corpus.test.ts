import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readIndexedEntry } from '../../../src/core/entry/indexed-entry.ts'
import { parseEntry } from '../../../src/core/entry/parse.ts'
import { createSplitter, type Piece } from '../../../src/core/entry/split.ts'
import type { AuditEvent, Format } from '../../../src/core/types.ts'
import { auditLog, CONCURRENT, SERIAL, type Truth, tree, truths, WORSTCASE } from './corpus.ts'

const UTC = { localOffsetMinutes: () => 0 }

function piecesOf(bytes: Buffer): Piece[] {
  const splitter = createSplitter({ offset: 0 })
  return [...splitter.push(bytes), ...splitter.finish()]
}

function eventOf(entry: { text: string; format: Format }): AuditEvent {
  const parsed = parseEntry(entry, UTC)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.problem)
  return parsed.value
}

function facts({ ip, port, request, status, matches, inboundScore, loggedScore, intercepted }: AuditEvent) {
  const rules = matches.map(match => match.id)
  return { ip, port, method: request?.method, uri: request?.uri, status, rules, inboundScore, loggedScore, intercepted }
}

/** The truth as far as the format can hold it. */
function expected(truth: Truth, event: AuditEvent) {
  const isLegacy = event.format === 'coraza-json-legacy'
  const isV2 = event.format.startsWith('v2')
  const plugin = truth.ml_plugin_score === null ? undefined : Math.min(10, truth.ml_plugin_score)
  // Apache refused these two before it had a request line to tell; HTTP/0.9 has no status line, and a phase 4 block is logged by v3
  // with the code that it wanted, not with the one that the client got.
  const isUntold = truth.method === null
  const isStatusLost = isV2 && truth.category === 'proto:h09'
  const isLateBlock = !isV2 && truth.rules.includes('959100') && truth.status === 500
  return {
    ip: truth.logged_ip,
    port: truth.logged_port,
    method: isUntold ? event.request?.method : truth.method,
    uri: isUntold ? event.request?.uri : truth.uri,
    status: isStatusLost ? undefined : isLateBlock ? 403 : truth.status,
    // Coraza's legacy JSON has an empty text for every match.
    rules: isLegacy ? [] : truth.rules,
    inboundScore: isLegacy ? undefined : (truth.anomaly_score ?? undefined),
    loggedScore: isLegacy ? undefined : (truth.ml_score_seen ?? plugin),
    intercepted: truth.blocked,
  }
}

function check(event: AuditEvent, truth: Truth | undefined) {
  assert.ok(truth, `no transaction has the id ${event.id}`)
  assert.deepEqual(facts(event), expected(truth, event), `${truth.category} ${event.id}`)
}

for (const name of SERIAL) {
  test(`every transaction of ${name} comes out once and as it was`, () => {
    const rows = truths(name)
    const byId = new Map(rows.map(row => [row.unique_id, row]))
    const pieces = piecesOf(auditLog(name))
    assert.equal(pieces.length, rows.length)
    for (const piece of pieces) {
      assert.ok(piece.kind === 'entry' && piece.trust === 'full')
      const event = eventOf(piece)
      check(event, byId.get(event.id))
      byId.delete(event.id)
    }
    assert.equal(byId.size, 0)
  })
}

for (const name of WORSTCASE) {
  test(`${name} brings nothing forged and holds back exactly what was tampered with`, () => {
    const rows = truths(name)
    const victims = new Set(rows.flatMap(row => row.victim ?? []))
    const byId = new Map(rows.map(row => [row.unique_id, row]))
    const full: string[] = []
    for (const piece of piecesOf(auditLog(name))) {
      if (piece.kind === 'skipped') continue
      const event = eventOf(piece)
      assert.ok(!victims.has(event.ip))
      if (piece.trust === 'full') {
        check(event, byId.get(event.id))
        full.push(event.id)
      } else {
        assert.equal(event.ip, byId.get(event.id)?.logged_ip)
        assert.deepEqual([event.matches, event.status, event.intercepted], [[], undefined, false])
      }
    }
    const untouched = rows.filter(row => !row.real_boundary_forged).map(row => row.unique_id)
    assert.deepEqual(full.toSorted(), untouched.toSorted())
    assert.ok(victims.size > 0 && untouched.length < rows.length)
  })
}

for (const name of CONCURRENT) {
  test(`every file of ${name} is the transaction that it was, and every index line is found`, () => {
    const files = tree(name)
    const rows = truths(name)
    for (const row of rows) {
      const entry = readIndexedEntry(files.get(row.path!)!)
      assert.ok(entry.ok && entry.value.trust === 'full')
      check(eventOf(entry.value), row)
    }
    const index = piecesOf(auditLog(name))
    assert.equal(index.length, rows.length)
    assert.ok(index.every(piece => piece.kind === 'entry' && piece.format === 'index-line'))
  })
}
