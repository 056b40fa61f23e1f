import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setUp } from './pipeline-setup.ts'

const PROXY = '198.51.100.1'
const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A pipeline in which 192.0.2.1 is blocked behind a proxy; what it logs of its refusals can be handed in. */
function blocked(values: Record<string, unknown> = {}) {
  const pipeline = setUp({ trusted_proxies: [`${PROXY}/32`], client_ip_header: 'X-Forwarded-For', ...values })
  const { handle, time, store } = pipeline
  const from = (ip: string, fields = {}) => ({ ip: PROXY, headers: { 'X-Forwarded-For': ip }, at: time.now, ...fields })
  const refused = (ip = '192.0.2.1', fields = {}) => from(ip, { loggedScore: 10, denied: true, ...fields })
  handle([from('192.0.2.1', { loggedScore: 9 })])
  const steps = () => store.query('SELECT ip, step FROM blocks ORDER BY id').map(({ ip, step }) => `${ip} ${step}`)
  return { ...pipeline, from, refused, steps }
}

test('that a blocked client is refused is no evidence against it, neither while it is blocked nor at the end', () => {
  const { handle, time, store, refused, steps } = blocked()
  for (let minute = 0; minute < 60; minute++) {
    time.now += MINUTE - 1
    assert.deepEqual(handle([refused(), refused()]).threats, [])
  }
  // The block is over; what was refused in its last second is only read now.
  const last = time.now
  time.now += MINUTE
  store.blocks.expire(time.now)
  assert.deepEqual(handle([refused('192.0.2.1', { at: last })]).blocks, [])
  assert.deepEqual(steps(), ['192.0.2.1 1'])
  const [event] = store.query('SELECT score, own_score, logged_score, intercepted, threat FROM events ORDER BY id DESC LIMIT 1')
  assert.deepEqual([event!.logged_score, event!.intercepted, event!.threat], [10, 1, 0], 'what was logged is kept')
  assert.equal(event!.score, event!.own_score)
  const [tally] = store.query(
    'SELECT sum(disagreeing) AS disagreeing, sum(denied_low) AS denied_low, sum(threats) AS threats FROM model_hours',
  )
  assert.deepEqual({ ...tally }, { disagreeing: 1, denied_low: 0, threats: 1 }, 'nor does it count against the model')
})

test('a highest score counts where nothing was refused', () => {
  const { handle, time, store, from, refused, steps } = blocked({ block_time: '1h' })
  assert.equal(handle([refused('192.0.2.2')]).blocks.length, 1, 'another client')
  store.blocks.release('192.0.2.1', time.now, 'manual')
  time.now += 1999
  assert.deepEqual(handle([refused()]).blocks, [], 'the list may be two seconds old')
  time.now += 2000
  assert.equal(handle([refused()]).blocks.length, 1, 'long after the end')
  assert.equal(
    handle([
      { ip: '192.0.2.3', loggedScore: 10, denied: true },
      { ip: '192.0.2.3', loggedScore: 10, denied: true },
    ]).threats.length,
    2,
    'whoever comes by himself',
  )
  assert.equal(handle([from('192.0.2.1', { loggedScore: 9.9 })]).threats.length, 1, 'a score that the list does not give')
  assert.deepEqual(steps(), ['192.0.2.1 1', '192.0.2.2 1', '192.0.2.1 2', '192.0.2.3 1'])
})

test('a client within a blocked network is refused, too; one that is only observed is not', () => {
  const { handle, time, store, refused } = blocked()
  store.blocks.add({ ip: '203.0.113.0/24', reason: 'manual', score: 0, threatCount: 0, blockedAt: time.now, expiresAt: time.now + HOUR })
  assert.deepEqual(handle([refused('203.0.113.7')]).threats, [])
  store.blocks.add({
    ...{ ip: '192.0.2.9', reason: 'high-score', score: 9, threatCount: 1, blockedAt: time.now, expiresAt: time.now + HOUR },
    enforcement: 'observed',
  })
  assert.equal(handle([refused('192.0.2.9')]).threats.length, 1)
})

test('what an attacker sends while he is refused counts by its own score', () => {
  const { handle, time, store, refused } = blocked()
  time.now += MINUTE
  assert.equal(handle([refused('192.0.2.1', { uri: '/?file=../../../../etc/passwd%00;cat+/etc/shadow' })]).threats.length, 1)
  assert.equal(store.query('SELECT max(score) AS score FROM threats ORDER BY id DESC')[0]!.score, 9, 'never by that of the refusal')
})
