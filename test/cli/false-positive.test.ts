import assert from 'node:assert/strict'
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openReader } from '../../src/edge/store/store.ts'
import type { FakeEntry } from '../entries.ts'
import { createPipelineHarness } from '../pipeline-harness.ts'
import { modwarden, openFolder } from './modwarden.ts'

const folder = openFolder('false-positive-')
after(() => rmSync(folder, { recursive: true }))
let number = 0

const IP = '203.0.113.7'
const SECRET = 'S3cr3t-Hunter2-Value'
const threat = (loggedScore: number, more: Partial<FakeEntry> = {}): FakeEntry => ({ ip: IP, loggedScore, ...more })
const times = (count: number, entry: FakeEntry) => Array.from({ length: count }, () => entry)

/** A database with what the daemon made of these entries, the log they stand in, and the command on both. */
function setUp(
  entries: readonly FakeEntry[],
  work: (harness: ReturnType<typeof createPipelineHarness>) => void = () => {},
  { values = {} }: { values?: Record<string, unknown> } = {},
) {
  const name = `${number++}`
  const [log, database, config] = [`audit-${name}.log`, `${name}.db`, `${name}.toml`].map(file => join(folder, file)) as [
    string,
    string,
    string,
  ]
  writeFileSync(config, `audit_log = "${log}"\ndatabase = "${database}"\nmodel_dir = "${folder}/models"\n`)
  const harness = createPipelineHarness({ path: database, log, values })
  harness.handle(entries)
  work(harness)
  harness.store.close()
  for (const file of [log, database]) chmodSync(file, 0o666)
  const read = <T>(look: (store: ReturnType<typeof openReader>) => T): T => {
    const store = openReader(database)
    try {
      return look(store)
    } finally {
      store.close()
    }
  }
  return { log, read, run: (...args: string[]) => modwarden(['--config', config, ...args]) }
}

test('a marked event no longer counts, its block ends, and its request is kept in masked shape', async () => {
  const uri = `/search?q=union+select&password=${SECRET}`
  const { run, read } = setUp([threat(9, { uri, headers: { Cookie: `sid=${SECRET}` } })])
  const marked = await run('false-positive', '1')
  assert.deepEqual([marked.code, marked.errors], [0, ''])
  assert.match(marked.out, /^event 1, GET \/search from 203\.0\.113\.7: no longer a threat\n {2}the next training learns it as clean/)
  assert.match(marked.out, /203\.0\.113\.7 is no longer blocked: what is left \(threats: 0\) does not block it/)
  read(store => {
    assert.equal(store.threats.countSince(IP, 0).threats, 0)
    assert.equal(store.events.byId(1)!.threat, 0)
    assert.equal(store.blocks.of(IP, 1)[0]!.released_by, 'false-positive')
    assert.deepEqual(store.query('SELECT * FROM top_offenders'), [])
    const [request, ...more] = [...store.falsePositives.requests()]
    assert.deepEqual(more, [])
    assert.match(request!.uri, /^\/search\?q=union\+select&password=/)
    assert.equal(request!.headers.find(([name]) => name === 'Host')![1], 'shop.example')
    assert.doesNotMatch(JSON.stringify(store.query('SELECT * FROM false_positives')), /S3cr3t|Hunter2/)
  })
  assert.match((await run('explain', IP)).out, /\(marked as a false positive\)/)
  assert.match((await run('explain', '1')).out, /marked as a false positive: it does not count/)
  assert.equal((await run('events', '--json')).objects()[0].false_positive, true)
})

const blocks: { name: string; entries: FakeEntry[]; marks: string[]; manual?: true; block: string; others: number }[] = [
  { name: 'ends when nothing else would block', entries: times(11, threat(5.5)), marks: ['3'], block: 'lifted', others: 10 },
  { name: 'stands while enough is left', entries: times(12, threat(5.5)), marks: ['3'], block: 'stands', others: 11 },
  { name: 'stands for another request above block_score', entries: times(2, threat(9)), marks: ['1'], block: 'stands', others: 1 },
  { name: 'ends when all its events are marked at once', entries: times(2, threat(9)), marks: ['1', '2'], block: 'lifted', others: 0 },
  { name: 'stands when it was made by hand', entries: [threat(6)], marks: ['1'], manual: true, block: 'stands', others: 0 },
  { name: 'is none where none stood', entries: [threat(6)], marks: ['1'], block: 'none', others: 0 },
]
for (const { name, entries, marks, manual, block, others } of blocks)
  test(`the block of a marked event ${name}`, async () => {
    const { run, read } = setUp(entries, ({ store, time }) => {
      if (manual)
        store.blocks.add({ ip: IP, reason: 'manual', score: 0, threatCount: 0, blockedAt: time.now, expiresAt: Number.POSITIVE_INFINITY })
    })
    const answers = (await run('false-positive', '--json', ...marks)).objects()
    assert.equal(answers.length, marks.length)
    for (const answer of answers) {
      assert.equal(answer.block, block)
      assert.equal(answer.other_threats, others)
      assert.equal(answer.next, block === 'stands' ? `modwarden unblock ${IP}` : null)
      assert.deepEqual([answer.learnable, answer.problem, answer.already_marked, answer.event], [true, null, false, undefined])
    }
    assert.equal(
      read(store => store.blocks.active(IP, Date.now()) !== undefined),
      block === 'stands',
    )
  })

test('a block that is only observed keeps nobody out, and no command says that it does', async () => {
  const observe = { values: { mode: 'observe' } }
  const { run } = setUp(times(3, threat(9)), () => {}, observe)
  assert.match(
    (await run('explain', IP)).out,
    /NOT blocked, only observed[^\n]*\n {2}only observed: blocked at once: one request scored 9\.00/,
  )
  assert.match((await run('false-positive', '1')).out, /\n {2}only observed: 203\.0\.113\.7 would stay blocked \(other threats: 2\)\n$/)
  const { out } = await run('false-positive', '2', '3')
  assert.match(out, /\n {2}only observed: 203\.0\.113\.7 would no longer be blocked: what is left \(threats: 0\) does not block it\n/)
  assert.doesNotMatch(out, /is no longer|stays/)
  assert.match((await run('explain', IP)).out, /: not blocked\n {2}last time, only observed: blocked at once: /)
})

test('explain tells what a block that is over was for, as of something that is over', async () => {
  const { run } = setUp([threat(9)])
  assert.match((await run('explain', IP)).out, /\n {2}blocked at once: one request/)
  await run('false-positive', '1')
  assert.match((await run('explain', IP)).out, /: not blocked\n {2}last time: blocked at once: one request/)
})

test('a wider block that still holds the address of a marked event is named', async () => {
  const { run } = setUp([threat(9), threat(6, { ip: '203.0.113.8' })], ({ store, time }) => {
    store.blocks.add({
      ip: '203.0.113.0/24',
      reason: 'manual',
      score: 0,
      threatCount: 0,
      blockedAt: time.now,
      expiresAt: Number.POSITIVE_INFINITY,
    })
  })
  const held = (ip: string) => `the block of 203.0.113.0/24 still holds ${ip}: unblock that as well, or put ${ip} into the allowlist`
  const { out } = await run('false-positive', '1', '2')
  assert.ok(out.includes(`203.0.113.7 is no longer blocked: what is left (threats: 0) does not block it\n  ${held('203.0.113.7')}\n`), out)
  assert.ok(out.includes(held('203.0.113.8')), out)
  const [answer] = (await run('false-positive', '2', '--json')).objects()
  assert.deepEqual([answer.block, answer.still_blocked_by], ['none', ['203.0.113.0/24']])
})

test('an event whose entry is gone is marked all the same, and it is said that nothing can be learnt', async () => {
  const { run, read, log } = setUp([threat(6), { ip: IP, uri: '/other' }])
  rmSync(log)
  const { out } = await run('false-positive', '1', '2')
  assert.match(out, /event 1, .*: no longer a threat\n {2}nothing can be learnt from it: its entry is no longer in the log/)
  assert.match(out, /event 2, .*: was no threat; marked all the same/)
  read(store => {
    assert.deepEqual(store.falsePositives.kept(), { marks: 2, requests: 0 })
    assert.deepEqual(
      store.falsePositives.byHour(0).map(({ risk, marks }) => [risk, marks]),
      [['medium', 1]],
    )
  })
})

test('an upload of megabytes is marked, and it is said that it is too long to learn', async () => {
  const { run, read } = setUp([threat(6, { method: 'POST', body: 'A'.repeat(8_000_000) })])
  const { code, out, errors } = await run('false-positive', '1')
  assert.deepEqual([code, errors], [0, ''])
  assert.match(out, /no longer a threat\n {2}nothing can be learnt from it: its request is longer than 262144 bytes/)
  read(store => assert.deepEqual(store.falsePositives.kept(), { marks: 1, requests: 0 }))
})

test('the entry is found in a rotated log', async () => {
  const { run, log } = setUp([threat(6)])
  renameSync(log, `${log}.1`)
  assert.equal((await run('false-positive', '--json', '1')).objects()[0].learnable, true)
})

test('a mark is taken back, and a forgiven threat stays forgiven', async () => {
  const { run, read } = setUp([...times(2, threat(6)), threat(6, { ip: '203.0.113.8' })])
  await run('false-positive', '1', '3')
  assert.match((await run('false-positive', '1')).out, /event 1, .*: was marked already/)
  await run('unblock', '203.0.113.8')
  const undone = await run('false-positive', '--undo', '1', '2', '3')
  assert.equal(undone.code, 0)
  assert.match(undone.out, /^event 1 is no longer marked and counts as before.*\nevent 2 was not marked\nevent 3 is no longer marked/)
  read(store => {
    assert.equal(store.threats.countSince(IP, 0).threats, 2)
    assert.equal(store.threats.countSince('203.0.113.8', 0).threats, 0)
    assert.equal(store.events.byId(1)!.threat, 1)
    assert.deepEqual(store.falsePositives.kept(), { marks: 0, requests: 0 })
  })
})

for (const { name, args, code, says } of [
  {
    name: 'an event that is not there',
    args: ['1', '99'],
    code: 1,
    says: /there is no event 99; 'modwarden events' lists them; nothing was marked/,
  },
  { name: 'a word', args: ['1', 'one'], code: 64, says: /an event id is a whole number .*got 'one'/ },
  { name: 'nothing', args: [], code: 64, says: /missing required argument/ },
  {
    name: 'more than 1000 events',
    args: Array.from({ length: 1001 }, (_, index) => `${index + 1}`),
    code: 64,
    says: /at most 1000 events/,
  },
])
  test(`false-positive refuses ${name} and marks none`, async () => {
    const { run, read } = setUp([threat(6)])
    const refused = await run('false-positive', ...args)
    assert.equal(refused.code, code)
    assert.match(refused.errors, says)
    assert.equal(
      read(store => store.falsePositives.kept().marks),
      0,
    )
  })
