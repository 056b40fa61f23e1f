import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crawlerNetwork, crawlersText, domainOf, MOST_CRAWLERS, plainName, readCrawlers } from '../../src/core/crawler.ts'

const DOMAINS = ['googlebot.com', 'search.msn.com']
const NOW = 1_700_000_000_000
const SOON = NOW / 1000 + 60

const names: [string, string | undefined][] = [
  ['crawl-1.googlebot.com', 'googlebot.com'],
  ['a.b.search.msn.com', 'search.msn.com'],
  ['googlebot.com', undefined],
  ['.googlebot.com', undefined],
  ['xgooglebot.com', undefined],
  ['crawl.googlebot.com.evil.example', undefined],
  ['crawl..googlebot.com', undefined],
  ['crawl 1.googlebot.com', undefined],
  ['crawl\n.googlebot.com', undefined],
  ['CRAWL.googlebot.com', undefined],
  [`${'a'.repeat(64)}.googlebot.com`, undefined],
  [`${'a.'.repeat(125)}googlebot.com`, undefined],
]
for (const [name, expected] of names) test(`domainOf ${JSON.stringify(name)}`, () => assert.equal(domainOf(name, DOMAINS), expected))

test('a name is compared in lower case and without its last dot', () =>
  assert.equal(plainName('Crawl.GOOGLEBOT.com.'), 'crawl.googlebot.com'))

const lines: { line: string; isTaken: boolean }[] = [
  { line: `192.0.2.1 crawl-1.googlebot.com ${SOON}`, isTaken: true },
  { line: `2001:db8::1 crawl-1.googlebot.com ${SOON}`, isTaken: true },
  { line: `2001:DB8::1 crawl-1.googlebot.com ${SOON}`, isTaken: false },
  { line: `2001:db8:0::1 crawl-1.googlebot.com ${SOON}`, isTaken: false },
  { line: `::ffff:192.0.2.1 crawl-1.googlebot.com ${SOON}`, isTaken: false },
  { line: `192.0.2.0/24 crawl-1.googlebot.com ${SOON}`, isTaken: false },
  { line: `192.0.2.01 crawl-1.googlebot.com ${SOON}`, isTaken: false },
  { line: `192.0.2.1 crawl-1.evil.example ${SOON}`, isTaken: false },
  { line: `192.0.2.1 crawl-1.googlebot.com ${SOON} x`, isTaken: false },
  { line: ` 192.0.2.1 crawl-1.googlebot.com ${SOON}`, isTaken: false },
  { line: `192.0.2.1  crawl-1.googlebot.com ${SOON}`, isTaken: false },
  { line: '192.0.2.1 crawl-1.googlebot.com', isTaken: false },
  { line: '192.0.2.1 crawl-1.googlebot.com -', isTaken: false },
]
for (const { line, isTaken } of lines) {
  test(`readCrawlers ${isTaken ? 'takes' : 'refuses'} '${line}'`, () => {
    const { crawlers, refused } = readCrawlers(`${line}\n`, DOMAINS, NOW)
    assert.deepEqual([crawlers.length, refused], isTaken ? [1, 0] : [0, 1])
  })
}

test('what is out of date is passed over, and what is too much refused', () => {
  const old = `192.0.2.1 crawl-1.googlebot.com ${NOW / 1000}\n`
  assert.deepEqual(readCrawlers(old, DOMAINS, NOW), { crawlers: [], refused: 0 })
  const many = Array.from({ length: MOST_CRAWLERS + 5 }, (_, index) => `10.0.${index >> 8}.${index & 255} c.googlebot.com ${SOON}`).join(
    '\n',
  )
  const { crawlers, refused } = readCrawlers(many, DOMAINS, NOW)
  assert.deepEqual([crawlers.length, refused], [MOST_CRAWLERS, 5])
})

test('the list reads back as it was written', () => {
  const crawlers = [{ ip: '192.0.2.1', name: 'crawl-1.googlebot.com', until: NOW + 60_000 }]
  assert.deepEqual(readCrawlers(crawlersText(crawlers), DOMAINS, NOW), { crawlers, refused: 0 })
})

test('whatever stands in the list, no more than so many plain addresses come of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), text => {
      const { crawlers } = readCrawlers(`${text}\n192.0.2.1 c.googlebot.com ${text}`, DOMAINS, NOW)
      for (const { ip, name } of crawlers) assert.match(`${ip} ${name}`, /^[0-9a-f.:]+ [a-z0-9._-]+\.(googlebot|search\.msn)\.com$/)
    }),
  )
})

test('an IPv4 address is allowed as it is, IPv6 as it is counted but never wider than a /64', () => {
  assert.deepEqual(
    [
      crawlerNetwork('192.0.2.1', 64),
      crawlerNetwork('2001:db8::1', 64),
      crawlerNetwork('2001:db8::1', 48),
      crawlerNetwork('2001:db8::1', 128),
    ],
    ['192.0.2.1', '2001:db8::/64', '2001:db8::/64', '2001:db8::1'],
  )
})
