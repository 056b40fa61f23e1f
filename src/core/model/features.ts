import type { HttpRequest } from '../types.ts'

/** What is measured of a request: the ten features of the how-to's detector and the five that its installer's variant adds.
 *  Lengths and counts are given as log2(1 + x), so that a forest splits them by order of magnitude. */
export const FEATURES = [
  { name: 'uri_length', words: 'length of the address', where: 'address' },
  { name: 'query_length', words: 'length of the query', where: 'query' },
  { name: 'body_length', words: 'length of the body', where: 'body' },
  { name: 'header_count', words: 'number of headers', where: 'headers' },
  { name: 'slashes', words: 'number of /', where: 'address' },
  { name: 'dots', words: 'number of .', where: 'address' },
  { name: 'question_marks', words: 'number of ?', where: 'address' },
  { name: 'ampersands', words: 'number of &', where: 'address' },
  { name: 'percent_signs', words: 'number of %', where: 'address' },
  { name: 'entropy', words: 'disorder of the characters (bits)', where: 'address' },
  { name: 'user_agent_length', words: 'length of the user agent', where: 'headers' },
  { name: 'special_characters', words: 'number of < > " \'', where: 'address' },
  { name: 'sql_keywords', words: 'number of SQL words', where: 'address' },
  { name: 'writes', words: 'method that writes (POST, PUT, DELETE)', where: 'request line' },
  { name: 'content_length', words: 'announced length of the body', where: 'headers' },
] as const

/** Features that are no lengths or counts stay as they are. */
const PLAIN = new Set(['entropy', 'writes'])

/** More of an address than this is not looked at character by character; its length still counts in full. */
const MOST_CHARACTERS = 65_536

const SQL_WORDS = /union|select|insert|update|delete/gi

/** Measures a request; one number a feature, in the order of FEATURES. What the log lacks (headers, body) counts as absent. */
export function measure(request: HttpRequest): Float64Array {
  const { uri, headers, body } = request
  const question = uri.indexOf('?')
  const text = countCharacters(uri.length > MOST_CHARACTERS ? uri.slice(0, MOST_CHARACTERS) : uri)
  let userAgent = ''
  let contentLength = 0
  for (const [name, value] of headers) {
    if (name.length === 10 && name.toLowerCase() === 'user-agent') userAgent = value
    else if (name.length === 14 && name.toLowerCase() === 'content-length') contentLength = /^\d{1,15}$/.test(value) ? Number(value) : 0
  }
  return Float64Array.of(
    log(uri.length),
    log(question < 0 ? 0 : uri.length - question - 1),
    log(body?.length ?? 0),
    log(headers.length),
    log(text.counts[47]!),
    log(text.counts[46]!),
    log(text.counts[63]!),
    log(text.counts[38]!),
    log(text.counts[37]!),
    text.entropy,
    log(userAgent.length),
    log(text.special),
    log(countSqlWords(uri)),
    request.method === 'POST' || request.method === 'PUT' || request.method === 'DELETE' ? 1 : 0,
    log(contentLength),
  )
}

/** Gives a feature's value as a person would count it. */
export function plainValue(index: number, value: number): number {
  return PLAIN.has(FEATURES[index]!.name) ? Math.round(value * 100) / 100 : Math.round(2 ** value - 1)
}

function log(count: number): number {
  return Math.log2(1 + count)
}

const counts = new Uint32Array(256)

/** Counts bytes, Shannon's entropy in bits a byte, and how many of < > " ' there are, percent-encoded or not. */
function countCharacters(text: string): { counts: Uint32Array; entropy: number; special: number } {
  counts.fill(0)
  let special = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at) & 0xff
    counts[code]!++
    if (code === 37 && isSpecial((hexDigit(text.charCodeAt(at + 1)) << 4) | hexDigit(text.charCodeAt(at + 2)))) special++
  }
  let entropy = 0
  for (let code = 0; code < 256; code++) {
    const count = counts[code]!
    if (count > 0) entropy -= (count / text.length) * Math.log2(count / text.length)
  }
  return { counts, entropy, special: special + counts[60]! + counts[62]! + counts[34]! + counts[39]! }
}

function isSpecial(code: number): boolean {
  return code === 60 || code === 62 || code === 34 || code === 39
}

// No digit gives a value that no byte has.
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : 0x1000
}

function countSqlWords(uri: string): number {
  let found = 0
  SQL_WORDS.lastIndex = 0
  while (SQL_WORDS.test(uri)) found++
  return found
}
