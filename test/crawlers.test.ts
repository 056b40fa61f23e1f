import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Crawler, crawlersText, MOST_CRAWLERS } from '../src/core/crawler.ts'
import { createCrawlers } from '../src/crawlers.ts'
import { crawlersPath, openCrawlersFile } from '../src/edge/notification/crawlers-file.ts'
import { writeWhole } from '../src/edge/write-whole.ts'
import { createMemoryLog } from './notifier-harness.ts'
import { createPipelineHarness } from './pipeline-harness.ts'

const DAY = 86_400_000
const NAME = 'crawl-1.googlebot.com'

/** A daemon's pipeline and database, and the folder of the notifier. */
function setUp(t: { after: (work: () => void) => void }, values: Record<string, unknown> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-crawlers-'))
  const harness = createPipelineHarness({ values: { verified_crawlers: ['googlebot.com'], notify_dir: folder, ...values } })
  const { store, time, settings } = harness
  const asked: string[] = []
  const { lines, log } = createMemoryLog()
  const create = () =>
    createCrawlers({
      store,
      settings: () => settings,
      file: openCrawlersFile(),
      ask: (ip, domains) => void asked.push(`${ip} ${domains.join()}`),
      log,
      clock: () => time.now,
    })
  t.after(() => {
    store.close()
    rmSync(folder, { recursive: true })
  })
  return {
    ...harness,
    folder,
    asked,
    lines,
    create,
    crawlers: create(),
    attack: (ip: string) => harness.handle([{ ip, loggedScore: 9.5 }]).blocks,
    say: (crawlers: Partial<Crawler>[]) =>
      writeWhole(
        crawlersPath(folder),
        crawlersText(crawlers.map(crawler => ({ ip: '192.0.2.1', name: NAME, until: time.now + DAY, ...crawler }))),
      ),
    allowed: () =>
      store.allow.standing(time.now).map(({ network, reason, expires_at }) => [network, reason, (expires_at! - time.now) / DAY]),
  }
}

test('who is blocked is asked about: the address itself, of IPv6 too, and no subnet', t => {
  const { crawlers, attack, asked } = setUp(t, { subnet_count: 1 })
  crawlers.blocked(attack('192.0.2.1'))
  crawlers.blocked(attack('2001:db8::5'))
  const blocks = attack('192.0.2.2')
  assert.deepEqual(blocks.map(({ ip }) => ip), ['192.0.2.2', '192.0.2.0/24']) // biome-ignore format: one thing
  crawlers.blocked(blocks)
  assert.deepEqual(asked, ['192.0.2.1 googlebot.com', '2001:db8::5 googlebot.com', '192.0.2.2 googlebot.com'])
})

test('without the setting nobody is asked about, and nobody is believed', t => {
  const { crawlers, attack, say, asked, allowed } = setUp(t, { verified_crawlers: [] })
  crawlers.blocked(attack('192.0.2.1'))
  say([{}])
  assert.equal(crawlers.takeIn(), false)
  assert.deepEqual([asked, allowed()], [[], []])
})

test('a blocked address that was verified is allowed for a week, with its name as the reason; once', t => {
  const { crawlers, attack, say, allowed } = setUp(t)
  attack('192.0.2.1')
  assert.equal(crawlers.takeIn(), false, 'there is no list yet')
  say([{}])
  assert.equal(crawlers.takeIn(), true)
  assert.deepEqual(allowed(), [['192.0.2.1', `verified crawler ${NAME}`, 7]])
  assert.equal(crawlers.takeIn(), false)
  say([{}])
  assert.equal(crawlers.takeIn(), false, 'it is allowed already')
})

test('a verified IPv6 address frees the network that was blocked for it', t => {
  const { crawlers, attack, say, allowed } = setUp(t)
  attack('2001:db8::5')
  say([{ ip: '2001:db8::5' }])
  crawlers.takeIn()
  assert.deepEqual(allowed().map(([network]) => network), ['2001:db8::/64']) // biome-ignore format: one thing
})

test('what was verified while the daemon was dead is taken in at its start', t => {
  const { attack, say, allowed, create } = setUp(t)
  attack('192.0.2.1')
  say([{}])
  create().takeIn()
  assert.equal(allowed().length, 1)
})

const refused: { name: string; crawler: Partial<Crawler>; told: number }[] = [
  { name: 'an address that is not blocked', crawler: { ip: '192.0.2.99' }, told: 0 },
  { name: 'an address that a person blocked', crawler: { ip: '198.51.100.1' }, told: 0 },
  { name: 'a name under another domain', crawler: { name: 'c.evil.example' }, told: 1 },
  { name: 'what is out of date', crawler: { until: 1 }, told: 0 },
  { name: 'what is no address', crawler: { ip: '192.0.2.0/24' }, told: 1 },
]
for (const { name, crawler, told } of refused) {
  test(`whatever the notifier says, it cannot allow ${name}`, t => {
    const { crawlers, attack, say, allowed, store, time, lines } = setUp(t)
    attack('192.0.2.1')
    store.blocks.add({ ip: '198.51.100.1', reason: 'manual', score: 0, threatCount: 0, blockedAt: time.now, expiresAt: time.now + DAY })
    say([crawler])
    assert.equal(crawlers.takeIn(), false)
    assert.deepEqual([allowed(), lines.filter(({ event }) => event === 'crawlers.refused').length], [[], told])
  })
}

test('whoever has taken over the notifier frees so many addresses and no more, however often he writes', t => {
  const { crawlers, handle, say, allowed, time, lines } = setUp(t, { max_count: 1_000_000 })
  const ips = Array.from({ length: MOST_CRAWLERS + 20 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
  handle(ips.map(ip => ({ ip, loggedScore: 9.5, denied: true, attack: true })))
  for (let from = 0; from < ips.length; from += 20) {
    say(ips.slice(from, from + 20).map(ip => ({ ip, until: time.now + 1000 })))
    crawlers.takeIn()
    time.now += 1
  }
  assert.equal(allowed().length, MOST_CRAWLERS)
  assert.equal(lines.filter(({ event }) => event === 'crawlers.full').length, 1, 'nor does he flood the journal')
})

test('a list that is no bounded plain file is not read', t => {
  const { crawlers, attack, folder, allowed, time } = setUp(t)
  attack('192.0.2.1')
  const path = crawlersPath(folder)
  const line = `192.0.2.1 ${NAME} ${Math.ceil(time.now / 1000) + 60}\n`
  writeFileSync(join(folder, 'elsewhere'), line)
  symlinkSync(join(folder, 'elsewhere'), path)
  assert.equal(crawlers.takeIn(), false)
  rmSync(path)
  mkdirSync(path)
  assert.equal(crawlers.takeIn(), false)
  rmSync(path, { recursive: true })
  writeFileSync(path, line.repeat(10_000))
  assert.equal(crawlers.takeIn(), false)
  assert.deepEqual(allowed(), [])
  writeFileSync(path, line)
  assert.equal(crawlers.takeIn(), true)
})

test('what the database refuses for now is taken in later', t => {
  const { store, settings, time, attack, say, allowed } = setUp(t)
  let isBusy = true
  const busy = {
    ...store,
    transaction: <T>(work: () => T): T => {
      if (isBusy) throw new Error('database is locked')
      return store.transaction(work)
    },
  }
  const parts = { settings: () => settings, file: openCrawlersFile(), ask: () => {}, log: createMemoryLog().log, clock: () => time.now }
  const crawlers = createCrawlers({ ...parts, store: busy })
  attack('192.0.2.1')
  say([{}])
  assert.throws(crawlers.takeIn, /locked/)
  isBusy = false
  assert.equal(crawlers.takeIn(), true)
  assert.equal(allowed().length, 1)
})
