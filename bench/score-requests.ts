import { mulberry32 } from '../src/core/model/random.ts'
import type { HttpRequest } from '../src/core/types.ts'

const LARGE = 64 * 1024
const HUGE = 16 * 2 ** 20
const JSON_TYPE = 'application/json'
const XML_TYPE = 'text/xml'
const FORM_TYPE = 'application/x-www-form-urlencoded'
const LENGTH = 171

/** Requests by name. */
export type Named = readonly (readonly [name: string, request: HttpRequest])[]

/** Makes requests of about 1.5 KB whose headers repeat, as a browser's do. */
export function madeRequests(count: number): HttpRequest[] {
  const random = mulberry32(1)
  const signs = 'abcdefghijklmnopqrstuvwxyz0123456789-_./&=%'
  const text = (length: number) => Array.from({ length }, () => signs[Math.floor(random() * signs.length)]).join('')
  const headers = Array.from({ length: 14 }, (_, index) => [index === 0 ? 'User-Agent' : `X-Header-${index}`, text(60)] as const)
  return Array.from({ length: count }, () => {
    const uri = `/${text(Math.floor(random() * LENGTH))}?q=${text(Math.floor(random() * LENGTH))}`
    return { method: 'GET', uri, protocol: 'HTTP/1.1', headers, body: undefined }
  })
}

/** Requests with 64 KB of body. */
export function largeRequests(): Named {
  const form = Array.from({ length: 3000 }, (_, index) => `name${index}=some+value%20${index}`).join('&')
  const leaves = Array.from({ length: 1000 }, (_, index) => ({
    id: index,
    name: `Name of ${index}`,
    tags: ['a', 'b-c'],
    at: '2026-01-01T00:00:00Z',
  }))
  return [
    [
      'a JSON body',
      post(
        JSON.stringify(leaves)
          .slice(0, LARGE - 2)
          .replace(/,\{[^}]*$/, ']'),
        JSON_TYPE,
      ),
    ],
    ['an XML body', post(`<list>${fill('<item id="17"><name>Name of it</name><tag>b-c</tag></item>', LARGE - 61)}</list>`, XML_TYPE)],
    ['a form of 3,000 arguments', post(form.slice(0, LARGE))],
    ['one long value, text', post(`a=${fill('Some words, and then (perhaps) some more. ', LARGE)}`)],
    ['one long value, base64', post(`a=${fill('aGVsbG8gd29ybGQhIFRoaXMgaXMg/+0x', LARGE)}`)],
    ['one long value, signs', post(`a=${fill('<a>;b"c\'d!e?f(g)h', LARGE)}`)],
  ]
}

/** Requests that are made to take long. */
export function hostileRequests(): Named {
  const words = [
    'ex ',
    ';l',
    "'or ",
    '" ',
    '< ',
    'onaaaaaaaaaaaaaaaaa',
    '/etc/',
    '\xc0',
    '0x2',
    '1 = ',
    'or -',
    'java.',
    '$_',
    '\r\naaaaaaaaaaaa',
    '() ',
    'o:11111111',
    '`',
    '|',
    'select ',
    '.p',
    'a.php~',
    '/.git/config',
    '{{',
  ]
  const many = (count: number, one: (index: number) => readonly [string, string]) => Array.from({ length: count }, (_, index) => one(index))
  return [
    ['16 MB of %25', post(fill('%25', HUGE))],
    ['16 MB of %u0041', post(fill('%u0041', HUGE), 'text/plain')],
    ['16 MB of &amp;', post(`a=${fill('%26amp;', HUGE)}`)],
    ['4 million &', post(fill('&', 4e6))],
    ['4 million arguments', post(fill('a=1&', HUGE))],
    ['16 MB of one value', post(`a=${fill('x<y>', HUGE)}`)],
    [
      '4,000 arguments of many signs',
      post(
        many(4000, index => [`k${index}`, 'a<b>%27;'])
          .map(pair => pair.join('='))
          .join('&'),
      ),
    ],
    ['16 MB of <a>', post(fill('<a>', HUGE), XML_TYPE)],
    ['an XML element of many attributes', post(`<a${fill(` b="'x';"`, HUGE)}`, XML_TYPE)],
    ['XML with attributes without end', post(fill('<a b="x" c=" ', HUGE), XML_TYPE)],
    ['XML of blanks', post(`<a>${fill(' <b \n\n\n />', HUGE)}`, XML_TYPE)],
    ['16 MB of deep JSON', post(fill('[', HUGE), JSON_TYPE)],
    ['JSON of many numbers', post(`[${fill('1,', 240_000)}1]`, JSON_TYPE)],
    ['JSON of many escapes', post(`["${fill('\\"', 240_000)}"]`, JSON_TYPE)],
    ['JSON of many backslashes', post(`["${fill('\\\\', 240_000)}"]`, JSON_TYPE)],
    ['100,000 cookies', post('', FORM_TYPE, [['Cookie', fill('a=b;', 400_000)]])],
    [
      '100,000 headers',
      post(
        '',
        FORM_TYPE,
        many(100_000, index => [`X-${index}`, 'v']),
      ),
    ],
    ['16 MB of a header', post('', FORM_TYPE, [['X-A', fill('a;b ', HUGE)]])],
    [
      'a form of many parts',
      post(fill('--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n', HUGE), 'multipart/form-data; boundary=x'),
    ],
    ...words.map(word => [`16 MB of ${JSON.stringify(word)}`, post(fill(word, HUGE), 'text/plain')] as const),
  ]
}

function post(body: string, type = FORM_TYPE, headers: readonly (readonly [string, string])[] = []): HttpRequest {
  return { method: 'POST', uri: '/', protocol: 'HTTP/1.1', headers: [['Host', 'a.example'], ['Content-Type', type], ...headers], body }
}

function fill(unit: string, length: number): string {
  // A flat text, as one that was read is.
  return Buffer.from(unit.repeat(Math.ceil(length / unit.length)).slice(0, length), 'latin1').toString('latin1')
}
