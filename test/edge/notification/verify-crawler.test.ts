import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { after, test } from 'node:test'
import { reverseName } from '../../../src/core/ip.ts'
import { verifyCrawler } from '../../../src/edge/notification/verify-crawler.ts'
import { createDnsServer, type Zone } from '../../dns.ts'

const DOMAINS = ['googlebot.com', 'google.com', 'search.msn.com']
const V4 = '192.0.2.10'
const V6 = '2001:db8:1::10'

const cases: { name: string; ip?: string; zone: Zone; expected: unknown }[] = [
  {
    name: 'an address whose name gives it again',
    zone: { [reverseName(V4)]: { PTR: ['crawl-10.googlebot.com'] }, 'crawl-10.googlebot.com': { A: ['192.0.2.9', V4] } },
    expected: { isCrawler: true, name: 'crawl-10.googlebot.com' },
  },
  {
    name: 'the same by IPv6, in whatever case the name is written',
    ip: V6,
    zone: { [reverseName(V6)]: { PTR: ['Crawl-10.GoogleBot.com'] }, 'crawl-10.googlebot.com': { AAAA: [V6] } },
    expected: { isCrawler: true, name: 'crawl-10.googlebot.com' },
  },
  {
    name: 'one of several names',
    zone: { [reverseName(V4)]: { PTR: ['a.example', 'msnbot-1.search.msn.com'] }, 'msnbot-1.search.msn.com': { A: [V4] } },
    expected: { isCrawler: true, name: 'msnbot-1.search.msn.com' },
  },
  {
    name: 'a forged name: whoever owns the address wrote it, but its domain knows nothing of it',
    zone: { [reverseName(V4)]: { PTR: ['crawl-10.googlebot.com'] } },
    expected: { isCrawler: false },
  },
  {
    name: 'a borrowed name, which is that of another address',
    zone: { [reverseName(V4)]: { PTR: ['crawl-66.googlebot.com'] }, 'crawl-66.googlebot.com': { A: ['192.0.2.66'] } },
    expected: { isCrawler: false },
  },
  {
    name: 'a name that only ends in the letters of the domain',
    zone: { [reverseName(V4)]: { PTR: ['crawl.evilgooglebot.com'] }, 'crawl.evilgooglebot.com': { A: [V4] } },
    expected: { isCrawler: false },
  },
  {
    name: 'a name in which the domain stands further left',
    zone: { [reverseName(V4)]: { PTR: ['googlebot.com.evil.example'] }, 'googlebot.com.evil.example': { A: [V4] } },
    expected: { isCrawler: false },
  },
  { name: 'an address without a name', zone: {}, expected: { isCrawler: false } },
  { name: 'a name server that does not answer', zone: { [reverseName(V4)]: 'silent' }, expected: undefined },
  { name: 'a name server that fails', zone: { [reverseName(V4)]: 'broken' }, expected: undefined },
  {
    name: 'a domain whose name server does not answer',
    zone: { [reverseName(V4)]: { PTR: ['crawl-10.googlebot.com'] }, 'crawl-10.googlebot.com': 'silent' },
    expected: undefined,
  },
  {
    name: 'more names than are looked at',
    zone: {
      [reverseName(V4)]: { PTR: [1, 2, 3, 4, 5].map(number => `c${number}.googlebot.com`) },
      'c5.googlebot.com': { A: [V4] },
    },
    expected: { isCrawler: false },
  },
]
const zone: Zone = {}
const dns = await createDnsServer(zone)
after(() => dns.close())
for (const { name, ip = V4, zone: records, expected } of cases) {
  test(`looks up ${name}`, async () => {
    for (const known of Object.keys(zone)) delete zone[known]
    Object.assign(zone, records)
    const resolver = new Resolver({ timeout: 100, tries: 1 })
    resolver.setServers([dns.server])
    assert.deepEqual(await verifyCrawler(ip, DOMAINS, resolver), expected)
  })
}

test('no name outside the domains is looked up: its owner would learn that somebody asks', () => {
  assert.deepEqual(
    dns.asked.filter(question => /^(A|AAAA) .*(evil|a\.example)/.test(question)),
    [],
  )
})
