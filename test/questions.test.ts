import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Crawler } from '../src/core/crawler.ts'
import type { Verdict } from '../src/edge/notification/verify-crawler.ts'
import { createQuestions } from '../src/questions.ts'
import { createNotifierHarness } from './notifier-harness.ts'
import { until } from './until.ts'

const DAY = 86_400_000

function setUp(t: { after: (work: () => Promise<void>) => void }, before: Crawler[] = []) {
  const box = createNotifierHarness({ channels: [] })
  t.after(() => box.remove())
  const written: Crawler[][] = []
  const problems: string[] = []
  const world = {
    asked: [] as string[],
    verify: async (_ip: string): Promise<Verdict> => ({ isCrawler: true, name: 'c.googlebot.com' }),
    isFull: false,
    nudged: 0,
  }
  const list = {
    read: () => before,
    write(crawlers: readonly Crawler[]) {
      if (world.isFull) throw new Error('ENOSPC')
      written.push([...crawlers])
    },
  }
  const questions = createQuestions({
    files: box.files,
    verify: (ip, domains) => {
      world.asked.push(`${ip} ${domains.join()}`)
      return world.verify(ip)
    },
    list,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    health: { failed: (_, problem) => void problems.push(problem), recovered: () => {} },
    clock: () => box.time.now,
    onAnswer: () => void world.nudged++,
  })
  return {
    box,
    world,
    written,
    problems,
    ask: (ip: string) => box.put({ kind: 'question', ip, domains: ['googlebot.com'] }),
    /** One look, and all that comes of it; gives when the next look is due. */
    async turn(): Promise<number> {
      const before = world.nudged
      const asked = box.names().length
      const next = await questions.turn(box.names())
      if (asked > 0) await until('something was answered', () => world.nudged > before, 2000).catch(() => {})
      return next
    },
    questions,
  }
}

test('a verified crawler is put on the list for a week, and the question is gone', async t => {
  const { box, world, written, ask, turn } = setUp(t)
  await ask('192.0.2.1')
  await turn()
  await box.empty()
  assert.deepEqual(written, [[{ ip: '192.0.2.1', name: 'c.googlebot.com', until: box.time.now + 7 * DAY }]])
  assert.deepEqual(world.asked, ['192.0.2.1 googlebot.com'])
})

test('the list goes on from where it was, without what is out of date, and is bounded', async t => {
  const { box, written, ask, turn } = setUp(t, [
    { ip: '192.0.2.7', name: 'old.googlebot.com', until: 1 },
    ...Array.from({ length: 256 }, (_, index) => ({ ip: `10.0.0.${index}`, name: 'c.googlebot.com', until: 2e12 })),
  ])
  await ask('192.0.2.1')
  await turn()
  await box.empty()
  const ips = written[0]!.map(({ ip }) => ip)
  assert.deepEqual([ips.length, ips[0], ips.at(-1)], [256, '10.0.0.1', '192.0.2.1'])
})

test('who is none is not put on the list, and the question is gone', async t => {
  const { box, world, written, ask, turn } = setUp(t)
  world.verify = async () => ({ isCrawler: false })
  await ask('192.0.2.1')
  await turn()
  await box.empty()
  assert.deepEqual(written, [])
})

test('where the DNS does not say, it is asked again after 5 s, 30 s and 5 min, and then given up', async t => {
  const { box, world, written, ask, questions, turn } = setUp(t)
  world.verify = async () => undefined
  await ask('192.0.2.1')
  for (const [index, wait] of [5000, 30_000, 300_000].entries()) {
    await turn()
    assert.equal(world.asked.length, index + 1)
    assert.equal(await questions.turn(box.names()), box.time.now + wait)
    box.time.now += wait - 1
    await questions.turn(box.names())
    assert.equal(world.asked.length, index + 1, 'not before its time')
    box.time.now += 1
  }
  await turn()
  await box.empty()
  assert.deepEqual(written, [])
})

test('slow name servers hold up no more than 16 at a time', async t => {
  const { world, ask, questions, box } = setUp(t)
  world.verify = ip => (ip === '192.0.2.50' ? Promise.resolve({ isCrawler: true, name: 'c.googlebot.com' }) : new Promise(() => {}))
  for (let host = 1; host <= 20; host++) await ask(`192.0.2.${host}`)
  await questions.turn(box.names())
  await questions.turn(box.names())
  await until('16 are asked about', () => world.asked.length >= 16)
  await questions.turn(box.names())
  assert.equal(world.asked.length, 16)
})

test('what is no question about one plain address is removed unasked', async t => {
  const { box, world, ask, turn } = setUp(t)
  for (const ip of ['192.0.2.0/24', 'crawl.example', '::ffff:192.0.2.1', '']) await ask(ip)
  await turn()
  await box.empty()
  assert.deepEqual(world.asked, [])
})

test('a list that cannot be written is told, and the question stays', async t => {
  const { box, world, written, problems, ask, turn } = setUp(t)
  world.isFull = true
  await ask('192.0.2.1')
  await turn()
  assert.deepEqual([problems, box.names().length], [['ENOSPC'], 1])
  world.isFull = false
  box.time.now += 30_000
  await turn()
  await box.empty()
  assert.equal(written.length, 1)
})
