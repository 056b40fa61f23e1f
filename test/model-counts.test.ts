import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countOver, total } from '../src/core/health/histogram.ts'
import { sumTallies } from '../src/core/health/tally.ts'
import { createPipelineHarness } from './pipeline-harness.ts'

const count = (rows: readonly Record<string, unknown>[]) => Number(Object.values(rows[0]!)[0])

const entries = fc.array(
  fc.record(
    {
      ip: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1'),
      uri: fc.constantFrom('/', '/shop?id=1', `/${'?a=<script>union select insert'.repeat(20)}`, `/${'%3C%27%22'.repeat(300)}`),
      hoursAgo: fc.integer({ min: 0, max: 3 }),
      loggedScore: fc.option(
        fc.integer({ min: 0, max: 1000 }).map(score => score / 100),
        { nil: undefined },
      ),
      denied: fc.boolean(),
    },
    { requiredKeys: ['ip'] },
  ),
  { maxLength: 30 },
)

test('the counts of the hours are the counts of the events, whatever comes and however it is cut into batches', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(entries, fc.constantFrom('full' as const, 'low' as const)), { maxLength: 5 }), batches => {
      const { store, handle, time, settings } = createPipelineHarness()
      for (const [batch, trust] of batches)
        handle(
          batch.map(({ hoursAgo = 0, loggedScore, ...entry }) => ({
            ...entry,
            ...(loggedScore === undefined ? {} : { loggedScore }),
            at: time.now - hoursAgo * 3_600_000,
          })),
          trust,
        )
      const sum = sumTallies(store.modelCounts.hours(0))
      const events = (condition: string) => count(store.query(`SELECT count(*) FROM events WHERE ${condition}`))
      assert.equal(sum.events, events('1'))
      assert.equal(sum.threats, events('threat = 1'))
      assert.equal(sum.high, events(`threat = 1 AND score > ${settings.highScore}`))
      assert.equal(sum.medium, events(`threat = 1 AND score > ${settings.threatScore} AND score <= ${settings.highScore}`))
      assert.equal(sum.denied, events('intercepted = 1'))
      assert.equal(sum.deniedLow, events(`intercepted = 1 AND own_score <= ${settings.threatScore}`))
      assert.equal(sum.compared, events('logged_score IS NOT NULL AND own_score IS NOT NULL'))
      assert.equal(sum.disagreeing, events('abs(logged_score - own_score) > 2'))

      const own = store.modelCounts.histograms(0, Number.MAX_SAFE_INTEGER)
      assert.equal(total(own.events), events('own_score IS NOT NULL'))
      for (const over of [1, 5, 7]) assert.equal(countOver(own.events, over), events(`own_score > ${over}`))
      const unflagged = `own_score IS NOT NULL AND trust = 'full' AND intercepted = 0 AND rules IN ('[]', '["100004"]')`
      assert.equal(total(own.unflagged), events(unflagged))
      assert.equal(total(own.ordinary), events(`${unflagged} AND threat = 0`))
      store.close()
    }),
    { numRuns: 40 },
  )
})

test('each model is counted by itself, and the last one at work is the current one', () => {
  const { store, handle, time, live } = createPipelineHarness()
  assert.equal(store.modelCounts.currentModel(), undefined)
  const base = live.model.version
  handle([{ ip: '192.0.2.1' }])
  live.model = { ...live.model, version: 'newer' }
  time.now += 1000
  handle([{ ip: '192.0.2.1' }, { ip: '192.0.2.1', at: time.now - 7_200_000 }])
  assert.equal(store.modelCounts.currentModel(), 'newer')
  const hours = store.modelCounts.hours(0).map(({ model, events }) => [model, events])
  assert.deepEqual(hours, [
    ['newer', 1],
    [base, 1],
    ['newer', 1],
  ])
  assert.equal(total(store.modelCounts.histograms(0, 1e9, 'newer').events), 2)
  assert.equal(total(store.modelCounts.histograms(0, 1e9).events), 3)
  store.close()
})

test('inline scores that differ by more than 2 points are counted', () => {
  const { store, handle } = createPipelineHarness()
  handle([{ ip: '192.0.2.1' }])
  const own = Number(store.query('SELECT own_score FROM events')[0]!.own_score)
  handle([
    { ip: '192.0.2.1', loggedScore: Number((own + 1.99).toFixed(2)) },
    { ip: '192.0.2.1', loggedScore: Number((own + 2.01).toFixed(2)) },
  ])
  const { compared, disagreeing } = sumTallies(store.modelCounts.hours(0))
  assert.deepEqual([compared, disagreeing], [2, 1])
  store.close()
})

test('hours older than the retention are forgotten', () => {
  const { store, handle, time } = createPipelineHarness()
  handle([{ ip: '192.0.2.1', at: time.now - 48 * 3_600_000 }, { ip: '192.0.2.1' }])
  store.retention.trim({ before: time.now - 24 * 3_600_000, blocksBefore: 0, windowStart: 0, maxEvents: 1000 })
  assert.equal(sumTallies(store.modelCounts.hours(0)).events, 1)
  assert.equal(total(store.modelCounts.histograms(0, 1e9).events), 1)
  store.close()
})
